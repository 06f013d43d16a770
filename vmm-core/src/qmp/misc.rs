//! `misc.json`: stop and go, descriptors, and what else fits nowhere.

use qmp_runtime::{Context, ErrorClass, QmpError, handlers};
use qmp_types::qmp::types::{
    AddfdInfo, CommandLineOptionInfo, CommandLineParameterInfo, CommandLineParameterType,
    FdsetInfo, IoThreadInfo, NameInfo,
};
use qmp_types::qmp::{MiscCommands, commands};

use super::Vmm;
use crate::backends::{IoThread, IoThreadInfo as ThreadInfo};
use crate::cli::{OPTIONS, ParamKind, ParamSpec};

#[handlers]
impl MiscCommands for Vmm {
    fn query_name(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryName,
    ) -> Result<NameInfo, QmpError> {
        Ok(NameInfo {
            name: self.name.clone(),
        })
    }

    fn query_iothreads(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryIothreads,
    ) -> Result<Vec<IoThreadInfo>, QmpError> {
        let threads = self.machine.tree().all_of("iothread").into_iter();
        Ok(threads
            .filter_map(|node| {
                Some(iothread_info(
                    node.name(),
                    &node.downcast::<IoThread>()?.info(),
                ))
            })
            .collect())
    }

    fn stop(&mut self, _: &mut Context<'_>, _: commands::Stop) -> Result<(), QmpError> {
        self.machine.stop()?;
        Ok(())
    }

    fn cont(&mut self, _: &mut Context<'_>, _: commands::Cont) -> Result<(), QmpError> {
        self.machine.block().activate()?;
        self.machine.cont()?;
        Ok(())
    }

    fn x_exit_preconfig(
        &mut self,
        cx: &mut Context<'_>,
        _: commands::XExitPreconfig,
    ) -> Result<(), QmpError> {
        self.machine.exit_preconfig()?;
        cx.leave_preconfig();
        Ok(())
    }

    fn human_monitor_command(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::HumanMonitorCommand,
    ) -> Result<String, QmpError> {
        let cpu = match args.cpu_index {
            Some(index) => self.known_cpu(index, "cpu-index")?,
            None => self.current_cpu,
        };
        Ok(self.run_hmp(cx, &args.command_line, cpu))
    }

    fn add_client(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::AddClient,
    ) -> Result<(), QmpError> {
        let fd = self.fds.take(cx, args.fdname)?;
        if rustix::net::sockopt::socket_type(&fd).is_err() {
            let text = "parameter @fdname must name a socket";
            return Err(QmpError::generic(text));
        }
        let inactive = |text: &str| QmpError::new(ErrorClass::DEVICE_NOT_ACTIVE, text);
        match args.protocol.as_str() {
            "vnc" => Ok(()), // no display takes the client: the connection ends here
            "spice" => Err(inactive("SPICE is not in use")),
            "@dbus-display" => Err(inactive("D-Bus display is not in use")),
            label if self.machine.chardevs().get(label).is_some() => {
                Err(QmpError::generic("failed to add client"))
            }
            other => Err(QmpError::generic(format!("protocol '{other}' is invalid"))),
        }
    }

    fn getfd(&mut self, cx: &mut Context<'_>, args: commands::Getfd) -> Result<(), QmpError> {
        self.fds.get(cx, args.fdname)
    }

    fn closefd(&mut self, cx: &mut Context<'_>, args: commands::Closefd) -> Result<(), QmpError> {
        self.fds.close(cx, args.fdname)
    }

    fn add_fd(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::AddFd,
    ) -> Result<AddfdInfo, QmpError> {
        self.fds.add(cx, args.fdset_id, args.opaque)
    }

    fn remove_fd(&mut self, _: &mut Context<'_>, args: commands::RemoveFd) -> Result<(), QmpError> {
        self.fds.remove(args.fdset_id, args.fd)
    }

    fn query_fdsets(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryFdsets,
    ) -> Result<Vec<FdsetInfo>, QmpError> {
        Ok(self.fds.list())
    }

    fn query_command_line_options(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryCommandLineOptions,
    ) -> Result<Vec<CommandLineOptionInfo>, QmpError> {
        let all = OPTIONS
            .iter()
            .filter_map(|spec| Some((spec.group?, spec.params)));
        let wanted = |group: &str| args.option.as_deref().is_none_or(|option| option == group);
        let found: Vec<_> = all
            .filter(|(group, _)| wanted(group))
            .map(option_info)
            .collect();
        match args.option {
            Some(option) if found.is_empty() => {
                Err(QmpError::generic(format!("invalid option name: {option}")))
            }
            _ => Ok(found),
        }
    }
}

fn iothread_info(id: &str, info: &ThreadInfo) -> IoThreadInfo {
    IoThreadInfo {
        id: id.to_owned(),
        thread_id: info.thread_id.into(),
        poll_max_ns: info.poll_max_ns,
        poll_grow: info.poll_grow,
        poll_shrink: info.poll_shrink,
        aio_max_batch: info.aio_max_batch,
    }
}

fn option_info((group, params): (&str, &[ParamSpec])) -> CommandLineOptionInfo {
    CommandLineOptionInfo {
        option: group.to_owned(),
        // as QEMU: the last one first
        parameters: params.iter().rev().map(parameter_info).collect(),
    }
}

fn parameter_info(param: &ParamSpec) -> CommandLineParameterInfo {
    CommandLineParameterInfo {
        name: param.name.to_owned(),
        r#type: match param.kind {
            ParamKind::String => CommandLineParameterType::String,
            ParamKind::Boolean => CommandLineParameterType::Boolean,
            ParamKind::Number => CommandLineParameterType::Number,
            ParamKind::Size => CommandLineParameterType::Size,
        },
        help: param.help.map(str::to_owned),
        default: None,
    }
}
