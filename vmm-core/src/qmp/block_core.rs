//! `block-core.json`: images, and the disks that use them.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    BlockDeviceInfo, BlockInfo, BlockJobInfo, BlockStats, BlockdevOptions, SnapshotInfo,
};
use qmp_types::qmp::{BlockCoreCommands, commands};

use super::Vmm;
use super::block::{drive_info, drive_statistics, node_config, node_info, node_statistics};
use super::job::no_block_job;
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
        let device = args.device.unwrap_or_default();
        let node = args.node_name.unwrap_or_default();
        Ok(self.machine.block().resize(&device, &node, args.size)?)
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

    fn block_job_set_speed(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobSetSpeed,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.device))
    }

    fn block_job_cancel(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobCancel,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.device))
    }

    fn block_job_pause(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobPause,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.device))
    }

    fn block_job_resume(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobResume,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.device))
    }

    fn block_job_complete(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobComplete,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.device))
    }

    fn block_job_dismiss(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobDismiss,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.id))
    }

    fn block_job_finalize(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobFinalize,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.id))
    }

    fn block_job_change(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockJobChange,
    ) -> Result<(), QmpError> {
        Err(no_block_job(&args.0.id))
    }

    fn blockdev_snapshot_internal_sync(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockdevSnapshotInternalSync,
    ) -> Result<(), QmpError> {
        let device = args.0.device;
        let node = self.machine.block().root(&device)?;
        let driver = node.driver();
        Err(QmpError::generic(format!(
            "Block format '{driver}' used by device '{device}' does not support internal snapshots"
        )))
    }

    fn blockdev_snapshot_delete_internal_sync(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockdevSnapshotDeleteInternalSync,
    ) -> Result<SnapshotInfo, QmpError> {
        self.machine.block().root(&args.device)?;
        Err(QmpError::generic(match (args.id, args.name) {
            (None, None) => "Name or id must be provided",
            _ => "Failed to get a snapshot list: Operation not supported", // no format here has one
        }))
    }

    fn change_backing_file(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ChangeBackingFile,
    ) -> Result<(), QmpError> {
        let block = self.machine.block();
        block.root(&args.device)?;
        let name = args.image_node_name;
        if block.node(&name).is_err() {
            let text = format!("Cannot find device='' nor node-name='{name}'");
            return Err(QmpError::generic(text));
        }
        Err(QmpError::generic(
            "not allowing backing file change on an image without a backing file",
        ))
    }

    fn x_blockdev_change(
        &mut self,
        _: &mut Context<'_>,
        args: commands::XBlockdevChange,
    ) -> Result<(), QmpError> {
        let block = self.machine.block();
        let parent = block.image(&args.parent)?;
        let refuse = |text: String| Err(QmpError::generic(text));
        let shown = block.shown_name(&parent);
        match (args.child, args.node) {
            (None, None) => refuse("Either child or node must be specified".to_owned()),
            (Some(_), Some(_)) => {
                refuse("The parameters child and node are in conflict".to_owned())
            }
            (Some(child), None) if parent.child_name() != Some(&*child) => refuse(format!(
                "Node '{}' does not have child '{child}'",
                args.parent
            )),
            (Some(_), None) => refuse(format!(
                "The node {shown} does not support removing a child"
            )),
            (None, Some(node)) if block.node(&node).is_err() => {
                refuse(format!("Node '{node}' not found"))
            }
            (None, Some(_)) => refuse(format!("The node {shown} does not support adding a child")),
        }
    }
}
