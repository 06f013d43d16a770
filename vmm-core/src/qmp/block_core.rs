//! `block-core.json`: images, and the disks that use them.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    BlockDeviceInfo, BlockInfo, BlockJobInfo, BlockStats, BlockdevOptions,
};
use qmp_types::qmp::{BlockCoreCommands, commands};

use super::Vmm;
use super::block::{drive_info, drive_statistics, node_config, node_info, node_statistics};
use crate::block::BlockError;

impl From<BlockError> for QmpError {
    fn from(error: BlockError) -> Self {
        QmpError::generic(error.to_string())
    }
}

#[handlers]
impl BlockCoreCommands for Vmm {
    fn query_block(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryBlock,
    ) -> Result<Vec<BlockInfo>, QmpError> {
        let drives = self.machine.block().drives();
        Ok(drives.iter().map(|drive| drive_info(drive)).collect())
    }

    fn query_blockstats(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryBlockstats,
    ) -> Result<Vec<BlockStats>, QmpError> {
        let block = self.machine.block();
        Ok(match args.query_nodes {
            Some(true) => {
                let nodes = block.nodes();
                let oldest_first = nodes.iter().rev();
                oldest_first.map(|node| node_statistics(node)).collect()
            }
            _ => {
                let drives = block.drives();
                drives.iter().map(|drive| drive_statistics(drive)).collect()
            }
        })
    }

    fn query_named_block_nodes(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryNamedBlockNodes,
    ) -> Result<Vec<BlockDeviceInfo>, QmpError> {
        let nodes = self.machine.block().nodes();
        Ok(nodes.iter().map(|node| node_info(node, true)).collect())
    }

    fn query_block_jobs(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryBlockJobs,
    ) -> Result<Vec<BlockJobInfo>, QmpError> {
        Ok(Vec::new())
    }

    fn block_resize(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockResize,
    ) -> Result<(), QmpError> {
        let Ok(size) = u64::try_from(args.size) else {
            return Err(QmpError::generic("Parameter 'size' expects a >0 size"));
        };
        let device = args.device.unwrap_or_default();
        let node = args.node_name.unwrap_or_default();
        Ok(self.machine.block().resize(&device, &node, size)?)
    }

    fn blockdev_add(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockdevAdd,
    ) -> Result<(), QmpError> {
        let options: BlockdevOptions = args.0;
        Ok(self.machine.block().add(&node_config(options)?)?)
    }

    fn blockdev_del(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockdevDel,
    ) -> Result<(), QmpError> {
        Ok(self.machine.block().remove(&args.node_name)?)
    }
}
