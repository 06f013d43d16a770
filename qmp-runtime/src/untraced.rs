//! No trace points: the crate `tracing` is not built in.

use crate::error::QmpError;
use crate::json::{Document, NodeId, Writer};

pub(crate) fn enter(_: &Document, _: Option<NodeId>) {}

pub(crate) fn exit(_: &str, _: Result<Option<&Writer>, &QmpError>) {}
