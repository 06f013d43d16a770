//! `job.json`: background jobs, of which this machine has no kind yet.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::JobInfo;
use qmp_types::qmp::{JobCommands, commands};

use super::Vmm;

#[handlers]
impl JobCommands for Vmm {
    fn query_jobs(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryJobs,
    ) -> Result<Vec<JobInfo>, QmpError> {
        Ok(Vec::new())
    }
}
