//! Nodes and drives in the schema's words.

use std::time::Duration;

use qmp_types::qmp::types::{
    BlockDeviceInfo, BlockDeviceIoStatus, BlockDeviceStats, BlockInfo, BlockStats,
    BlockStatsSpecific, BlockStatsSpecificDriver, BlockStatsSpecificFile, BlockdevAioOptions,
    BlockdevCacheInfo, BlockdevDetectZeroesOptions, BlockdevDiscardOptions, BlockdevOptions,
    BlockdevOptionsBlkdebug, BlockdevOptionsDriver, BlockdevOptionsFile, BlockdevRef, ImageInfo,
    ImageInfoSpecific, ImageInfoSpecificFile, ImageInfoSpecificFileWrapper, ImageInfoSpecificType,
    OnOffAuto,
};

use crate::block::{
    BlockError, Drive, IoStatus, NOTHING, Node, NodeConfig, NodeSource, Operation, Statistics,
    Zeroes,
};

fn refuse<T>(text: impl Into<String>) -> Result<T, BlockError> {
    Err(BlockError::Refused(text.into()))
}

/// What `blockdev-add` and `-blockdev` ask for.
pub(crate) fn node_config(options: BlockdevOptions) -> Result<NodeConfig, BlockError> {
    if options.node_name.is_none() {
        return Err(BlockError::Nameless); // before anything else is said
    }
    layer_config(options, None)
}

/// The same below another, from which it has what it does not say itself.
fn layer_config(
    options: BlockdevOptions,
    above: Option<&NodeConfig>,
) -> Result<NodeConfig, BlockError> {
    let cache = options.cache.unwrap_or_default();
    let inherited = |of: fn(&NodeConfig) -> bool| above.is_some_and(of);
    let mut config = NodeConfig {
        name: options.node_name,
        source: NodeSource::Named(String::new()), // comes below
        debug: None,
        read_only: options
            .read_only
            .unwrap_or_else(|| inherited(|above| above.read_only)),
        auto_read_only: options
            .auto_read_only
            .unwrap_or_else(|| inherited(|above| above.auto_read_only)),
        unmap: options.discard.map_or_else(
            || inherited(|above| above.unmap),
            |discard| matches!(discard, BlockdevDiscardOptions::Unmap),
        ),
        no_flush: cache
            .no_flush
            .unwrap_or_else(|| inherited(|above| above.no_flush)),
        direct: cache
            .direct
            .unwrap_or_else(|| inherited(|above| above.direct)),
        zeroes: match options.detect_zeroes {
            Some(BlockdevDetectZeroesOptions::On) => Zeroes::Made,
            Some(BlockdevDetectZeroesOptions::Unmap) => Zeroes::Unmapped,
            _ => Zeroes::Written,
        },
        locking: true,
    };
    config.source = match options.driver {
        BlockdevOptionsDriver::File(file) => {
            config.locking = !matches!(file.locking, Some(OnOffAuto::Off));
            NodeSource::File(file_name(*file, "file", config.direct)?)
        }
        BlockdevOptionsDriver::HostDevice(device) => {
            config.locking = !matches!(device.locking, Some(OnOffAuto::Off));
            NodeSource::Device(file_name(*device, "host_device", config.direct)?)
        }
        BlockdevOptionsDriver::NullCo(null) => {
            if null.latency_ns.is_some_and(|latency| latency > 0) {
                return refuse("latency-ns: nothing is made slower here");
            }
            let size = null.size.map(u64::try_from).transpose();
            let size = size.map_err(|_| BlockError::Refused("invalid size".to_owned()))?;
            NodeSource::Nothing(size.unwrap_or(NOTHING))
        }
        BlockdevOptionsDriver::Blkdebug(debug) => {
            let BlockdevOptionsBlkdebug {
                image,
                config: rules,
                ..
            } = *debug;
            config.debug = Some(rules);
            below(image, &config)?
        }
        BlockdevOptionsDriver::Raw(raw) => {
            if raw.offset.is_some() || raw.size.is_some() {
                return refuse("offset, size: an image is a whole file here");
            }
            below(raw.file, &config)?
        }
        _ => {
            return refuse(
                "there are no other drivers here than file, host_device, raw, null-co and blkdebug",
            );
        }
    };
    if options.force_share == Some(true) && !config.read_only {
        return refuse("force-share=on can only be used with read-only images");
    }
    if config.zeroes == Zeroes::Unmapped && !config.unmap {
        return refuse(
            "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap",
        );
    }
    if options.active == Some(false) {
        return refuse("active=off: a node is in use here from the start");
    }
    Ok(config)
}

/// What a layer is above.
fn below(image: BlockdevRef, config: &NodeConfig) -> Result<NodeSource, BlockError> {
    Ok(match image {
        BlockdevRef::Reference(name) => NodeSource::Named(name),
        BlockdevRef::Definition(layer) => {
            NodeSource::Layer(Box::new(layer_config(*layer, Some(config))?))
        }
        _ => return refuse("Parameter 'file' is missing"),
    })
}

/// The name of the file, with what else is said of it checked. A thread moves the bytes, whatever `aio` says.
fn file_name(
    file: BlockdevOptionsFile,
    driver: &str,
    is_direct: bool,
) -> Result<String, BlockError> {
    if file.aio == Some(BlockdevAioOptions::Native) && !is_direct {
        return Err(BlockError::NeedsDirect);
    }
    if file.pr_manager.is_some() {
        return refuse("pr-manager: there are no persistent reservations here");
    }
    if file.filename.is_empty() {
        return refuse(format!("The '{driver}' block driver requires a file name"));
    }
    Ok(file.filename)
}

fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn image_info(node: &Node) -> ImageInfo {
    let disk = node.disk();
    let size = bounded(disk.size().unwrap_or_default());
    let mut image = ImageInfo::new(node.path(), node.driver(), size);
    if node.driver() != "blkdebug" {
        image.actual_size = disk.allocated().ok().map(bounded);
    }
    image.dirty_flag = disk.is_file().then_some(false);
    image
}

/// A node as `query-named-block-nodes` shows it; with `all`, what is particular
/// to files, too.
pub(super) fn node_info(node: &Node, all: bool) -> BlockDeviceInfo {
    let mut image = image_info(node);
    if node.driver() == "blkdebug" {
        let child = node.child().map(|child| Box::new(image_info(child)));
        image.backing_image = child;
    }
    if matches!(node.driver(), "file" | "host_device") && all {
        let file = ImageInfoSpecificFileWrapper::new(ImageInfoSpecificFile::default());
        image.format_specific = Some(ImageInfoSpecific::new(ImageInfoSpecificType::File(file)));
    }
    let cache = BlockdevCacheInfo::new(true, node.is_direct(), node.never_flushes());
    let zeroes = match node.zeroes() {
        Zeroes::Written => BlockdevDetectZeroesOptions::Off,
        Zeroes::Made => BlockdevDetectZeroesOptions::On,
        Zeroes::Unmapped => BlockdevDetectZeroesOptions::Unmap,
    };
    let mut info = BlockDeviceInfo::new(
        node.path(),
        node.is_read_only(),
        node.driver(),
        i64::from(node.driver() == "blkdebug"),
        node.is_active(),
        false,
        zeroes,
        0,
        0,
        0,
        0,
        0,
        0,
        image,
        cache,
        0,
    );
    info.node_name = Some(node.name().to_owned());
    info
}

/// A drive as `query-block` shows it.
pub(super) fn drive_info(drive: &Drive) -> BlockInfo {
    let device = drive.device();
    let mut info = BlockInfo::new(drive.name(), "unknown", device.is_none(), false);
    info.inserted = drive.node().map(|node| {
        let mut inserted = node_info(node, true);
        inserted.cache.writeback = drive.writes_back();
        inserted
    });
    info.io_status = drive.io_status().map(|status| match status {
        IoStatus::Ok => BlockDeviceIoStatus::Ok,
        IoStatus::Failed => BlockDeviceIoStatus::Failed,
        IoStatus::NoSpace => BlockDeviceIoStatus::Nospace,
    });
    info.qdev = device;
    info
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn statistics(counts: &Statistics, of_device: bool) -> BlockDeviceStats {
    let [read, write, flush, unmap] = [
        Operation::Read,
        Operation::Write,
        Operation::Flush,
        Operation::Unmap,
    ]
    .map(|kind| counts.of(kind));
    BlockDeviceStats {
        rd_bytes: bounded(read.bytes),
        wr_bytes: bounded(write.bytes),
        zone_append_bytes: 0,
        unmap_bytes: bounded(unmap.bytes),
        rd_operations: bounded(read.operations),
        wr_operations: bounded(write.operations),
        zone_append_operations: 0,
        flush_operations: bounded(flush.operations),
        unmap_operations: bounded(unmap.operations),
        rd_total_time_ns: nanoseconds(read.time),
        wr_total_time_ns: nanoseconds(write.time),
        zone_append_total_time_ns: 0,
        flush_total_time_ns: nanoseconds(flush.time),
        unmap_total_time_ns: nanoseconds(unmap.time),
        wr_highest_offset: bounded(counts.highest_write()),
        rd_merged: bounded(read.merged),
        wr_merged: bounded(write.merged),
        zone_append_merged: 0,
        unmap_merged: 0,
        idle_time_ns: counts.idle().map(nanoseconds),
        failed_rd_operations: bounded(read.failed),
        failed_wr_operations: bounded(write.failed),
        failed_zone_append_operations: 0,
        failed_flush_operations: bounded(flush.failed),
        failed_unmap_operations: bounded(unmap.failed),
        invalid_rd_operations: bounded(read.invalid),
        invalid_wr_operations: bounded(write.invalid),
        invalid_zone_append_operations: 0,
        invalid_flush_operations: bounded(flush.invalid),
        invalid_unmap_operations: bounded(unmap.invalid),
        account_invalid: of_device,
        account_failed: of_device,
        timed_stats: Vec::new(),
        rd_latency_histogram: None,
        wr_latency_histogram: None,
        zone_append_latency_histogram: None,
        flush_latency_histogram: None,
    }
}

/// What `query-blockstats` tells of a node.
pub(super) fn node_statistics(node: &Node) -> BlockStats {
    let counts = node.statistics();
    let mut stats = BlockStats::new(statistics(&Statistics::default(), false));
    stats.stats.wr_highest_offset = bounded(counts.highest_write());
    stats.node_name = Some(node.name().to_owned());
    stats.parent = node.child().map(|child| Box::new(node_statistics(child)));
    if matches!(node.driver(), "file" | "host_device") {
        let discarded = counts.of(Operation::Unmap);
        let file =
            BlockStatsSpecificFile::new(discarded.operations, discarded.failed, discarded.bytes);
        let driver = match node.driver() {
            "file" => BlockStatsSpecificDriver::File(file),
            _ => BlockStatsSpecificDriver::HostDevice(file),
        };
        stats.driver_specific = Some(BlockStatsSpecific::new(driver));
    }
    stats
}

/// What `query-blockstats` tells of a drive.
pub(super) fn drive_statistics(drive: &Drive) -> BlockStats {
    let counts = statistics(drive.statistics(), drive.device().is_some());
    let mut stats = BlockStats::new(counts);
    if let Some(node) = drive.node() {
        let below = node_statistics(node);
        stats.node_name = below.node_name;
        stats.parent = below.parent;
        stats.driver_specific = below.driver_specific;
        stats.stats.wr_highest_offset = below.stats.wr_highest_offset;
    }
    stats.device = Some(drive.name().to_owned());
    stats.qdev = drive.device();
    stats
}
