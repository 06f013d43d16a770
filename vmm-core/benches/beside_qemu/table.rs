//! What was measured, as a table.

use std::fmt::Write;

use crate::peer::Kind;

/// Rows in the order in which they came up.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    what: &'static str,
    vmm: Vec<f64>,
    qemu: Vec<f64>,
}

impl Table {
    pub(crate) fn add(&mut self, what: &'static str, kind: Kind, figure: f64) {
        let index = self.0.iter().position(|row| row.what == what);
        let index = index.unwrap_or_else(|| {
            let (vmm, qemu) = (Vec::new(), Vec::new());
            self.0.push(Row { what, vmm, qemu });
            self.0.len() - 1
        });
        match kind {
            Kind::Vmm => self.0[index].vmm.push(figure),
            Kind::Qemu => self.0[index].qemu.push(figure),
        }
    }

    /// In Markdown: the median, and the range in brackets.
    pub(crate) fn render(mut self) -> String {
        let mut text = String::from(
            "| what | vmm | QEMU | ratio of the medians |\n| --- | --- | --- | --- |\n",
        );
        for row in &mut self.0 {
            let (vmm, qemu) = (Figures::of(&mut row.vmm), Figures::of(&mut row.qemu));
            // Writing to a string does not fail.
            let _ = match (vmm, qemu) {
                (Some(vmm), Some(qemu)) => {
                    // above 1 is better, whether a row counts what is wanted or what it costs
                    let ratio = match row.what.ends_with("per second") {
                        true => vmm.median / qemu.median,
                        false => qemu.median / vmm.median,
                    };
                    let digits = if ratio < 2.0 { 2 } else { 1 };
                    let what = row.what;
                    writeln!(text, "| {what} | {vmm} | {qemu} | {ratio:.digits$} |")
                }
                (Some(vmm), None) => writeln!(text, "| {} | {vmm} | | |", row.what),
                _ => Ok(()),
            };
        }
        text
    }
}

struct Figures {
    median: f64,
    least: f64,
    most: f64,
}

impl Figures {
    fn of(figures: &mut [f64]) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        Some(Figures {
            median: *figures.get(figures.len() / 2)?,
            least: *figures.first()?,
            most: *figures.last()?,
        })
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = match self.median {
            ..1.0 => 3,
            ..100.0 => 1,
            _ => 0,
        };
        let Figures {
            median,
            least,
            most,
        } = self;
        write!(f, "{median:.digits$} ({least:.digits$}–{most:.digits$})")
    }
}
