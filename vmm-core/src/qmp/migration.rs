//! `migration.json`: what a machine that stays where it is can say.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{MigrationCapability, MigrationCapabilityStatus, MigrationInfo};
use qmp_types::qmp::{MigrationCommands, commands};

use super::Vmm;

#[handlers]
impl MigrationCommands for Vmm {
    fn query_migrate(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMigrate,
    ) -> Result<MigrationInfo, QmpError> {
        Ok(MigrationInfo::default()) // none has been started
    }

    fn query_migrate_capabilities(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMigrateCapabilities,
    ) -> Result<Vec<MigrationCapabilityStatus>, QmpError> {
        let events = MigrationCapability::Events;
        let state = self.migration_events;
        Ok(vec![MigrationCapabilityStatus::new(events, state)])
    }

    fn migrate_set_capabilities(
        &mut self,
        _: &mut Context<'_>,
        args: commands::MigrateSetCapabilities,
    ) -> Result<(), QmpError> {
        let mut events = self.migration_events;
        for wanted in args.capabilities {
            match wanted.capability {
                MigrationCapability::Events => events = wanted.state,
                other if wanted.state => {
                    let text = format!("Migration capability '{other}' is not supported");
                    return Err(QmpError::generic(text));
                }
                _ => {} // off it is
            }
        }
        self.migration_events = events;
        Ok(())
    }

    fn x_colo_lost_heartbeat(
        &mut self,
        _: &mut Context<'_>,
        _: commands::XColoLostHeartbeat,
    ) -> Result<(), QmpError> {
        Err(QmpError::generic("VM is not in COLO mode"))
    }
}
