//! A connection with what the server says of itself.

use std::sync::Arc;

use qmp_runtime::client::tokio::{Client, Events};
use qmp_runtime::client::{ClientError, Request as Call};
use qmp_runtime::json::{Map, Value};

use crate::complete::brief;
use crate::input::{Request, as_object, tag_value, type_at};
use crate::options::Options;
use crate::schema::{Schema, Type, closest};

/// A connection with what the server says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) schema: Arc<Schema>,
}

impl Session {
    pub(crate) async fn connect(options: &Options) -> Result<(Session, Events), String> {
        let endpoint = options.endpoint()?;
        let connected = options.builder().connect_tokio(&endpoint).await;
        let (client, events) =
            connected.map_err(|error| format!("{}: {error}", options.address))?;
        let schema = if options.agent {
            agent_schema(&client).await
        } else {
            server_schema(&client).await
        };
        let session = Session {
            client,
            schema: Arc::new(schema.map_err(|error| format!("{}: {error}", options.address))?),
        };
        Ok((session, events))
    }

    pub(crate) async fn run(&self, request: &Request) -> Result<Value, ClientError> {
        let mut call = if request.oob {
            Call::value_out_of_band(&request.name, &request.arguments)
        } else {
            Call::value(&request.name, &request.arguments)
        };
        if self
            .schema
            .commands
            .get(&request.name)
            .is_some_and(|command| command.silent)
        {
            call = call.without_answer();
        }
        self.client
            .call(call.with_fds(&request.files)?)
            .await?
            .decode()
    }

    /// What may help after a server's refusal.
    pub(crate) fn advice(&self, request: &Request, error: &ClientError) -> Option<String> {
        let desc = error.as_command_error()?.desc();
        let path: Vec<&str> = desc.split('\'').nth(1)?.split('.').collect();
        let root = self.schema.arguments_of(&request.name)?;
        if desc.ends_with("is unexpected") {
            return self.instead_of(&path, root, &request.arguments);
        }
        if desc.ends_with("is missing") {
            let ty = type_at(&self.schema, root, &path, &request.arguments)?;
            return Some(match self.schema.ty(ty)? {
                Type::Enum(values) => format!("give one of {}", values.join(", ")),
                _ => format!("write {}=<{}>", path.join("."), brief(&self.schema, ty)),
            });
        }
        None
    }

    /// What can stand in place of the last part of a path.
    fn instead_of(
        &self,
        path: &[&str],
        root: &str,
        arguments: &Map<String, Value>,
    ) -> Option<String> {
        let (wrong, above) = path.split_last()?;
        let object = as_object(&self.schema, type_at(&self.schema, root, above, arguments)?)?;
        let mut given = Some(arguments);
        for key in above {
            given = given.and_then(|given| given.get(*key)?.as_object());
        }
        let members = self.schema.members(object, tag_value(object, given));
        let names: Vec<&str> = members.map(|member| member.name.as_str()).collect();
        Some(match closest(wrong, names.iter().copied()) {
            Some(close) => format!("did you mean '{close}'?"),
            None if names.is_empty() => "it takes no arguments".into(),
            None => format!("there are {}", names.join(", ")),
        })
    }
}

async fn server_schema(client: &Client) -> Result<Schema, ClientError> {
    match client.execute_value("query-qmp-schema", &Map::new()).await {
        Ok(entries) => Ok(Schema::read(&entries)),
        // It is older than that, or somebody does not want it to be known.
        Err(ClientError::Command(_)) => {
            let mut schema = Schema::default();
            match client.execute_value("query-commands", &Map::new()).await {
                Ok(list) => schema.retain(&names(&list)),
                Err(ClientError::Command(_)) => {}
                Err(error) => return Err(error),
            }
            Ok(schema)
        }
        Err(error) => Err(error),
    }
}

/// An agent tells the names of its commands; the rest is as of the agent that the bindings are of.
async fn agent_schema(client: &Client) -> Result<Schema, ClientError> {
    let known = qmp_runtime::codec::parse_one(qmp_types::qga::INTROSPECTION)
        .ok()
        .and_then(|document| document.value(document.root()));
    let mut schema = Schema::read(&known.unwrap_or_default());
    match client.execute_value("guest-info", &Map::new()).await {
        Ok(info) => {
            let list = &info["supported_commands"];
            schema.retain(&names(list));
            for entry in list.as_array().into_iter().flatten() {
                let name = entry["name"].as_str().unwrap_or_default();
                if let Some(command) = schema.commands.get_mut(name) {
                    command.silent = entry["success-response"] == false;
                    if entry["enabled"] == false {
                        command.features.push("disabled".into());
                    }
                }
            }
            Ok(schema)
        }
        Err(ClientError::Command(_)) => Ok(schema),
        Err(error) => Err(error),
    }
}

fn names(list: &Value) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry["name"].as_str()?.to_owned()))
        .collect()
}
