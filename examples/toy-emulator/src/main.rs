//! The least that serves QMP: `cargo run -p toy-emulator -- unix:/tmp/toy.qmp`, then `qmp-shell /tmp/toy.qmp`.

mod toy {
    include!(concat!(env!("OUT_DIR"), "/toy.rs"));
}

use qmp_runtime::{Context, QmpError, Router, handlers, server::Server};
use toy::{ToyCommands, commands, events, types::Volume};

struct Toy {
    volume: Volume,
}

#[handlers]
impl ToyCommands for Toy {
    fn set_volume(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::SetVolume,
    ) -> Result<(), QmpError> {
        self.volume = Volume {
            level: args.level,
            mute: args.mute.unwrap_or(self.volume.mute),
        };
        cx.emit(&events::VolumeChanged { level: args.level });
        Ok(())
    }

    fn query_volume(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryVolume,
    ) -> Result<Volume, QmpError> {
        Ok(self.volume.clone())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .ok_or("usage: toy-emulator unix:PATH")?;
    let router = Router::new().mount(
        Toy {
            volume: Volume::new(50, false),
        },
        &[Toy::COMMANDS],
    )?;
    let server = Server::builder()
        .version(1, 0, 0, "toy")
        .serve(router.schema(toy::INTROSPECTION));
    server.listen(address.parse()?)?;
    server.wait();
    Ok(())
}
