//! What `info` shows of disks.

use std::fmt::Write;

use qmp_types::qmp::types::{BlockDeviceInfo, BlockDeviceIoStatus, BlockInfo, ImageInfo};
use qmp_types::qmp::{BlockCoreCommands, commands};

use super::line::Line;
use super::{Human, Said};

pub(super) fn block(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let [nodes, verbose] = line.flags(['n', 'v'])?;
    let only = line.word()?;
    line.end()?;
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut text = String::new();
    if !nodes {
        let disks = human.vmm.query_block(human.cx, commands::QueryBlock {})?;
        let disks = disks
            .iter()
            .map(|disk| (&*disk.device, disk_text(disk, verbose)));
        text = listed(disks, is_wanted);
        if only.is_none() || !text.is_empty() {
            return Ok(text);
        }
    }
    let args = commands::QueryNamedBlockNodes::default();
    let all = human.vmm.query_named_block_nodes(human.cx, args)?;
    let all = all.iter().map(|node| {
        let name = node.node_name.as_deref().unwrap_or_default();
        (
            name,
            format!("{name}{}{}", medium(node), content(node, verbose)),
        )
    });
    text += &listed(all, is_wanted);
    Ok(text)
}

/// The texts of what is wanted, each with an empty line in front but for the first of all.
fn listed<'a>(
    all: impl Iterator<Item = (&'a str, String)>,
    is_wanted: impl Fn(&str) -> bool,
) -> String {
    let mut text = String::new();
    for (at, (name, one)) in all.enumerate() {
        if is_wanted(name) {
            text += if at > 0 { "\n" } else { "" };
            text += &one;
        }
    }
    text
}

fn disk_text(disk: &BlockInfo, verbose: bool) -> String {
    let node = disk.inserted.as_ref();
    let name = node.and_then(|node| node.node_name.as_deref());
    let mut text = match (&*disk.device, name) {
        ("", Some(name)) => name.to_owned(),
        ("", None) => disk
            .qdev
            .clone()
            .unwrap_or_else(|| "<anonymous>".to_owned()),
        (device, Some(name)) => format!("{device} ({name})"),
        (device, None) => device.to_owned(),
    };
    text += &node.map_or(": [not inserted]\n".to_owned(), medium);
    // Writing to a string does not fail.
    if let Some(qdev) = &disk.qdev {
        let _ = writeln!(text, "    Attached to:      {qdev}");
    }
    if let Some(status) = disk
        .io_status
        .filter(|status| *status != BlockDeviceIoStatus::Ok)
    {
        let _ = writeln!(text, "    I/O status:       {status}");
    }
    if disk.removable {
        let locked = if disk.locked { "" } else { "not " };
        let tray = if disk.tray_open == Some(true) {
            "open"
        } else {
            "closed"
        };
        let _ = writeln!(text, "    Removable device: {locked}locked, tray {tray}");
    }
    text + &node.map(|node| content(node, verbose)).unwrap_or_default()
}

fn medium(node: &BlockDeviceInfo) -> String {
    let read_only = if node.ro { ", read-only" } else { "" };
    let inactive = if node.active { "" } else { ", inactive" };
    format!(": {} ({}{read_only}{inactive})\n", node.file, node.drv)
}

fn content(node: &BlockDeviceInfo, verbose: bool) -> String {
    let image = verbose.then(|| image(&node.image));
    cache(node) + &image.unwrap_or_default()
}

fn cache(node: &BlockDeviceInfo) -> String {
    let mut text = match node.cache.writeback {
        true => "    Cache mode:       writeback".to_owned(),
        false => "    Cache mode:       writethrough".to_owned(),
    };
    if node.cache.direct {
        text += ", direct";
    }
    if node.cache.no_flush {
        text += ", ignore flushes";
    }
    text + "\n"
}

fn image(image: &ImageInfo) -> String {
    let taken = image.actual_size.and_then(|size| u64::try_from(size).ok());
    let virtual_size = u64::try_from(image.virtual_size).unwrap_or_default();
    format!(
        "\nImages:\nimage: {}\nfile format: {}\nvirtual size: {} ({virtual_size} bytes)\ndisk size: {}\n",
        image.filename,
        image.format,
        readable(virtual_size),
        taken.map_or("unavailable".to_owned(), readable)
    )
}

/// A size in the largest unit that leaves something before the point, in three digits.
fn readable(bytes: u64) -> String {
    let units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut size = bytes as f64;
    let mut at = 0;
    while size >= 1000.0 && at + 1 < units.len() {
        size /= 1024.0;
        at += 1;
    }
    let places = match size {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let digits = format!("{size:.places$}");
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => &digits,
    };
    format!("{digits} {}B", units[at])
}

pub(super) fn blockstats(human: &mut Human<'_, '_>, line: Line<'_>) -> Said {
    line.end()?;
    let args = commands::QueryBlockstats::default();
    let all = human.vmm.query_blockstats(human.cx, args)?;
    let mut text = String::new();
    for disk in all {
        let Some(device) = disk.device else {
            continue;
        };
        let stats = disk.stats;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{device}: rd_bytes={} wr_bytes={} rd_operations={} wr_operations={} flush_operations={} \
             wr_total_time_ns={} rd_total_time_ns={} flush_total_time_ns={} rd_merged={} wr_merged={} \
             idle_time_ns={}",
            stats.rd_bytes,
            stats.wr_bytes,
            stats.rd_operations,
            stats.wr_operations,
            stats.flush_operations,
            stats.wr_total_time_ns,
            stats.rd_total_time_ns,
            stats.flush_total_time_ns,
            stats.rd_merged,
            stats.wr_merged,
            stats.idle_time_ns.unwrap_or_default()
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (512, "512 B"),
            (1000, "0.98 KiB"),
            (73_728, "72 KiB"),
            (1 << 20, "1 MiB"),
            ((5 << 20) + 512, "5 MiB"),
            (1536 << 20, "1.5 GiB"),
            (123 << 30, "123 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(readable(bytes), expected, "{bytes}");
        }
    }
}
