//! The guest's network interfaces.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;
use qmp_runtime::QmpError;

use crate::errors::failed;
use crate::qga::types::{
    GuestIpAddress, GuestIpAddressType, GuestNetworkInterface, GuestNetworkInterfaceStat,
};

/// All interfaces with their addresses, in the kernel's order.
pub(crate) fn interfaces() -> Result<Vec<GuestNetworkInterface>, QmpError> {
    let all = failed(
        getifaddrs().map_err(Into::into),
        "failed to list the network interfaces",
    )?;
    // Without counters there is still something to tell.
    let table = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let mut statistics: BTreeMap<&str, _> = table.lines().filter_map(counters).collect();
    let mut interfaces: Vec<GuestNetworkInterface> = Vec::new();
    for address in all {
        let name = &address.interface_name;
        let known = interfaces.iter().position(|known| known.name == *name);
        let index = known.unwrap_or_else(|| {
            let mut interface = GuestNetworkInterface::new(name.clone());
            interface.statistics = statistics.remove(name.as_str());
            interfaces.push(interface);
            interfaces.len() - 1
        });
        add(&mut interfaces[index], &address);
    }
    Ok(interfaces)
}

fn add(interface: &mut GuestNetworkInterface, found: &InterfaceAddress) {
    let Some(address) = &found.address else {
        return;
    };
    if let Some(hardware) = address.as_link_addr().and_then(|link| link.addr()) {
        interface.hardware_address = Some(hardware.map(|byte| format!("{byte:02x}")).join(":"));
    }
    if let Some(ip) = ip(address) {
        let kind = match ip {
            IpAddr::V4(_) => GuestIpAddressType::Ipv4,
            IpAddr::V6(_) => GuestIpAddressType::Ipv6,
        };
        let prefix = found.netmask.as_ref().and_then(self::ip).map_or(0, bits);
        let entry = GuestIpAddress::new(ip.to_string(), kind, prefix);
        interface.ip_addresses.get_or_insert_default().push(entry);
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

/// How many leading bits a mask has.
fn bits(mask: IpAddr) -> i64 {
    i64::from(match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    })
}

/// The counters in a line of `/proc/net/dev`: `NAME: ` and 8 numbers of what came in, 8 of what went out.
fn counters(line: &str) -> Option<(&str, GuestNetworkInterfaceStat)> {
    let (name, numbers) = line.split_once(':')?;
    let numbers: Vec<u64> = numbers
        .split_whitespace()
        .map_while(|number| number.parse().ok())
        .collect();
    let [
        rx_bytes,
        rx_packets,
        rx_errs,
        rx_dropped,
        _,
        _,
        _,
        _,
        tx_bytes,
        tx_packets,
        tx_errs,
        tx_dropped,
        ..,
    ] = numbers[..]
    else {
        return None;
    };
    let counters = GuestNetworkInterfaceStat {
        rx_bytes,
        rx_packets,
        rx_errs,
        rx_dropped,
        tx_bytes,
        tx_packets,
        tx_errs,
        tx_dropped,
    };
    Some((name.trim(), counters))
}
