//! `block-core.json`: images and what becomes of them, of which this machine has none yet.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{BlockDeviceInfo, BlockInfo, BlockJobInfo, BlockStats};
use qmp_types::qmp::{BlockCoreCommands, commands};

use super::Vmm;

#[handlers]
impl BlockCoreCommands for Vmm {
    fn query_block(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryBlock,
    ) -> Result<Vec<BlockInfo>, QmpError> {
        Ok(Vec::new())
    }

    fn query_blockstats(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryBlockstats,
    ) -> Result<Vec<BlockStats>, QmpError> {
        Ok(Vec::new())
    }

    fn query_named_block_nodes(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryNamedBlockNodes,
    ) -> Result<Vec<BlockDeviceInfo>, QmpError> {
        Ok(Vec::new())
    }

    fn query_block_jobs(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryBlockJobs,
    ) -> Result<Vec<BlockJobInfo>, QmpError> {
        Ok(Vec::new())
    }
}
