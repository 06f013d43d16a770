//! Handlers of commands that the machine lacks, with the answers that conversations recorded from QEMU have.

use std::collections::BTreeMap;

use qmp_runtime::json::Value;
use qmp_runtime::{Context, ErrorClass, QmpError, handlers};

/// The bindings.
#[allow(missing_docs, clippy::all, reason = "generated")]
mod bindings {
    qapi_macros::qapi_schema!("tests/it/transcripts/extra.json");
}

pub(super) use bindings::{ExtraCommands, ExtraOobCommands};
use bindings::{commands, types};

type Result<T> = std::result::Result<T, QmpError>;

fn fail<T>(text: impl Into<String>) -> Result<T> {
    Err(QmpError::generic(text))
}

fn no_node<T>(name: &str) -> Result<T> {
    fail(format!(
        "Cannot find device='{name}' nor node-name='{name}'"
    ))
}

fn no_class<T>(text: String) -> Result<T> {
    Err(QmpError::new(ErrorClass::DEVICE_NOT_FOUND, text))
}

fn property(name: &str, of: &str) -> types::ObjectPropertyInfo {
    types::ObjectPropertyInfo::new(name, of)
}

/// What the extra commands remember.
#[derive(Default)]
pub(super) struct Extra {
    objects: BTreeMap<String, i64>,
}

impl Extra {
    /// A node that is opened for good once its configuration has been read.
    fn open(options: &types::BlockdevOptions) -> Result<()> {
        use types::BlockdevOptionsDriver::{Blkdebug, Raw};
        match &options.driver {
            Blkdebug(blkdebug) => {
                if let Some(config) = &blkdebug.config {
                    std::fs::read(config).map_err(|error| QmpError::generic(error.to_string()))?;
                }
                Ok(())
            }
            Raw(raw) => match &raw.file {
                types::BlockdevRef::Reference(name) => no_node(name),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

#[handlers]
#[expect(deprecated, reason = "that is what some conversations are about")]
impl ExtraCommands for Extra {
    fn qom_get(&mut self, _: &mut Context<'_>, args: commands::QomGet) -> Result<Value> {
        let object = args.path.strip_prefix("/objects/");
        match object.and_then(|id| self.objects.get(id)) {
            Some(&value) if args.property == "poll-max-ns" => Ok(value.into()),
            _ => fail(format!(
                "Property 'none-machine.{}' not found",
                args.property
            )),
        }
    }

    fn qom_set(&mut self, _: &mut Context<'_>, args: commands::QomSet) -> Result<()> {
        let wrong = |kind: &str| {
            let name = &args.property;
            fail(format!(
                "Invalid parameter type for '{name}', expected: {kind}"
            ))
        };
        let object = args.path.strip_prefix("/objects/");
        match (
            &*args.property,
            object.and_then(|id| self.objects.get_mut(id)),
        ) {
            ("usb", None) if args.value.is_boolean() => Ok(()),
            ("usb", None) => wrong("boolean"),
            ("poll-max-ns", Some(value)) => match args.value.as_i64() {
                None => wrong("integer"),
                Some(number @ 0..) => {
                    *value = number;
                    Ok(())
                }
                Some(_) => fail(format!(
                    "poll-max-ns value must be in range [0, {}]",
                    i64::MAX
                )),
            },
            (name, _) => fail(format!("Property 'none-machine.{name}' not found")),
        }
    }

    fn qom_list(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QomList,
    ) -> Result<Vec<types::ObjectPropertyInfo>> {
        match &*args.path {
            "" => fail("Path '' is ambiguous"),
            "/" => Ok(vec![
                property("type", "string"),
                property("backend", "child<container>"),
                property("machine", "child<none-machine>"),
                property("objects", "child<container>"),
                property("chardevs", "child<container>"),
            ]),
            "/objects" => Ok(vec![property("type", "string")]),
            path => Err(QmpError::device_not_found(path)),
        }
    }

    fn qom_list_properties(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QomListProperties,
    ) -> Result<Vec<types::ObjectPropertyInfo>> {
        no_class(format!("Class '{}' not found", args.typename))
    }

    fn object_add(&mut self, _: &mut Context<'_>, args: commands::ObjectAdd) -> Result<()> {
        let options = args.0;
        if !options.id.starts_with(|ch: char| ch.is_ascii_alphabetic()) {
            return fail("Parameter 'id' expects an identifier");
        }
        if let types::ObjectOptionsQomType::MemoryBackendRam(memory) = &options.qom_type
            && memory.size == 0
        {
            return fail("property 'size' of memory-backend-ram doesn't take value '0'");
        }
        match self.objects.insert(options.id.clone(), 32768) {
            None => Ok(()),
            Some(_) => fail(format!(
                "attempt to add duplicate property '{}' to object (type 'container')",
                options.id
            )),
        }
    }

    fn object_del(&mut self, _: &mut Context<'_>, args: commands::ObjectDel) -> Result<()> {
        match self.objects.remove(&args.id) {
            Some(_) => Ok(()),
            None => fail(format!("object '{}' not found", args.id)),
        }
    }

    fn device_add(&mut self, _: &mut Context<'_>, args: commands::DeviceAdd) -> Result<()> {
        match args.0.get("driver") {
            None => fail("Parameter 'driver' is missing"),
            Some(driver) => fail(format!("No 'virtio-bus' bus found for device {driver}")),
        }
    }

    fn device_del(&mut self, _: &mut Context<'_>, args: commands::DeviceDel) -> Result<()> {
        Err(QmpError::device_not_found(&args.id))
    }

    fn netdev_add(&mut self, _: &mut Context<'_>, _: commands::NetdevAdd) -> Result<()> {
        fail("there is no network")
    }

    fn balloon(&mut self, _: &mut Context<'_>, _: commands::Balloon) -> Result<()> {
        Err(QmpError::new(
            ErrorClass::DEVICE_NOT_ACTIVE,
            "No balloon device has been activated",
        ))
    }

    fn query_sgx(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySgx,
    ) -> Result<types::ObjectPropertyInfo> {
        fail("SGX is only supported on PC machines")
    }

    fn blockdev_add(&mut self, _: &mut Context<'_>, args: commands::BlockdevAdd) -> Result<()> {
        Extra::open(&args.0)
    }

    fn block_stream(&mut self, _: &mut Context<'_>, args: commands::BlockStream) -> Result<()> {
        no_node(&args.device)
    }

    fn change_backing_file(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ChangeBackingFile,
    ) -> Result<()> {
        no_node(&args.device)
    }

    fn query_named_block_nodes(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryNamedBlockNodes,
    ) -> Result<Vec<types::ObjectPropertyInfo>> {
        Ok(vec![])
    }

    fn block_latency_histogram_set(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockLatencyHistogramSet,
    ) -> Result<()> {
        Err(QmpError::device_not_found(&args.id))
    }

    fn block_set_io_throttle(
        &mut self,
        _: &mut Context<'_>,
        args: commands::BlockSetIoThrottle,
    ) -> Result<()> {
        Err(QmpError::device_not_found(&args.0.id.unwrap_or_default()))
    }

    fn migrate_set_capabilities(
        &mut self,
        _: &mut Context<'_>,
        _: commands::MigrateSetCapabilities,
    ) -> Result<()> {
        Ok(())
    }

    fn migrate_set_parameters(
        &mut self,
        _: &mut Context<'_>,
        args: commands::MigrateSetParameters,
    ) -> Result<()> {
        if args.0.multifd_channels == Some(0) {
            return fail("Parameter 'multifd_channels' expects a value between 1 and 255");
        }
        if args.0.downtime_limit.is_some_and(|limit| limit > 2_000_000) {
            return fail(
                "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms",
            );
        }
        Ok(())
    }

    fn query_migrate_parameters(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMigrateParameters,
    ) -> Result<types::MigrateSetParameters> {
        Ok(types::MigrateSetParameters::default())
    }

    fn query_migrationthreads(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMigrationthreads,
    ) -> Result<Vec<types::ObjectPropertyInfo>> {
        Ok(vec![])
    }

    fn migrate(&mut self, _: &mut Context<'_>, _: commands::Migrate) -> Result<()> {
        Ok(())
    }

    fn query_dirty_rate(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryDirtyRate,
    ) -> Result<types::DirtyRateInfo> {
        Ok(types::DirtyRateInfo::new(
            "unstarted",
            0,
            "page-sampling",
            "second",
            0,
            0,
        ))
    }

    fn send_key(&mut self, _: &mut Context<'_>, _: commands::SendKey) -> Result<()> {
        Ok(())
    }

    fn input_send_event(&mut self, _: &mut Context<'_>, _: commands::InputSendEvent) -> Result<()> {
        Ok(())
    }

    fn query_cpu_model_expansion(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryCpuModelExpansion,
    ) -> Result<types::CpuModelInfo> {
        fail(format!("CPU model '{}' not found", args.model.name))
    }

    fn trace_event_set_state(
        &mut self,
        _: &mut Context<'_>,
        _: commands::TraceEventSetState,
    ) -> Result<()> {
        Ok(())
    }

    fn x_query_irq(
        &mut self,
        _: &mut Context<'_>,
        _: commands::XQueryIrq,
    ) -> Result<types::ObjectPropertyInfo> {
        Ok(property("irq", "0"))
    }

    fn x_query_jit(
        &mut self,
        _: &mut Context<'_>,
        _: commands::XQueryJit,
    ) -> Result<types::ObjectPropertyInfo> {
        Ok(property("jit", "0"))
    }

    fn set_numa_node(&mut self, _: &mut Context<'_>, _: commands::SetNumaNode) -> Result<()> {
        fail("NUMA is not supported by this machine-type")
    }
}

/// Out-of-band commands.
pub(super) struct ExtraOob;

#[handlers(oob)]
impl ExtraOobCommands for ExtraOob {
    fn migrate_pause(&self, _: &mut Context<'_>, _: commands::MigratePause) -> Result<()> {
        fail(
            "migrate-pause is currently only supported during postcopy-active or postcopy-recover state",
        )
    }
}
