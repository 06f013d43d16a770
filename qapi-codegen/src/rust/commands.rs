//! Commands: the type of the arguments, with what the schema says of the command.

use qapi_parser::schema::{Command, EntityId};

use super::arguments::{self, Payload};
use super::code::{Code, code};
use super::context::{Context, Place};
use super::features;

/// A command's type and its `Command` implementation.
pub(crate) fn items(context: &Context<'_>, id: EntityId, command: &Command) -> Vec<Code> {
    let payload = if command.generate {
        Payload::of(context, command.arg_type)
    } else {
        Payload::Anything
    };
    let mut items = arguments::items(context, id, payload);
    let entity = context.entity(id);
    let name = context.name(id);
    let wire = entity.name.as_str();
    let returns = returns(context, command);
    let flags = flags(command);
    let features = features::info(context, &entity.features);
    items.push(code! {
        impl ::qmp_runtime::Command for #name {
            type Return = #returns;
            const INFO: ::qmp_runtime::CommandInfo = ::qmp_runtime::CommandInfo::new(#wire) #flags #features;
        }
    });
    if command.allow_oob {
        items.push(code! { impl ::qmp_runtime::OobCommand for #name {} });
    }
    items
}

/// What a command returns, as its handler and its type name it.
pub(crate) fn returns(context: &Context<'_>, command: &Command) -> Code {
    command
        .ret_type
        .map_or_else(|| code!(()), |ty| context.ty(ty, Place::Beside))
}

fn flags(command: &Command) -> Code {
    let silent = (!command.success_response).then(|| code!(.no_success_response()));
    let oob = command.allow_oob.then(|| code!(.allow_oob()));
    let preconfig = command.allow_preconfig.then(|| code!(.allow_preconfig()));
    let coroutine = command.coroutine.then(|| code!(.coroutine()));
    code!(#silent #oob #preconfig #coroutine)
}
