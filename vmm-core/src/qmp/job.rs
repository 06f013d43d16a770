//! `job.json`: background jobs, of which this machine has no kind yet.

use qmp_runtime::{Context, ErrorClass, QmpError, handlers};
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

    fn job_pause(&mut self, _: &mut Context<'_>, _: commands::JobPause) -> Result<(), QmpError> {
        Err(no_job())
    }

    fn job_resume(&mut self, _: &mut Context<'_>, _: commands::JobResume) -> Result<(), QmpError> {
        Err(no_job())
    }

    fn job_cancel(&mut self, _: &mut Context<'_>, _: commands::JobCancel) -> Result<(), QmpError> {
        Err(no_job())
    }

    fn job_complete(
        &mut self,
        _: &mut Context<'_>,
        _: commands::JobComplete,
    ) -> Result<(), QmpError> {
        Err(no_job())
    }

    fn job_dismiss(
        &mut self,
        _: &mut Context<'_>,
        _: commands::JobDismiss,
    ) -> Result<(), QmpError> {
        Err(no_job())
    }

    fn job_finalize(
        &mut self,
        _: &mut Context<'_>,
        _: commands::JobFinalize,
    ) -> Result<(), QmpError> {
        Err(no_job())
    }
}

fn no_job() -> QmpError {
    QmpError::generic("Job not found")
}

/// The same for the commands that are older than jobs of other kinds.
pub(super) fn no_block_job(id: &str) -> QmpError {
    let text = format!("Block job '{id}' not found");
    QmpError::new(ErrorClass::DEVICE_NOT_ACTIVE, text)
}
