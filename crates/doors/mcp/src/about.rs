//! What a model is told about a tool, and how its listing and the reading of its arguments follow from that.
//!
//! Schemas are written by hand: derived ones spend twice the bytes on the same words, in every prompt of every agent.

use std::sync::Arc;

use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::outcome::Failure;

/// What keeps Claude Code from hiding tools until the model searches for them. These are few and small, and an agent that
/// would have to look for them would not think of them.
const ALWAYS_LOAD: &str = "anthropic/alwaysLoad";

/// What the model is told about a tool.
pub(crate) struct About {
    pub(crate) description: &'static str,
    /// The JSON Schema of each argument, by name.
    pub(crate) properties: Value,
    pub(crate) required: &'static [&'static str],
}

impl About {
    /// As it stands in the listing. Hosts may call tools that only look side by side and without leave.
    pub(crate) fn describe(self, name: &'static str, only_looks: bool) -> Tool {
        let mut schema = JsonObject::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), self.properties);
        if !self.required.is_empty() {
            schema.insert("required".into(), json!(self.required));
        }
        let mut meta = MetaObject::new();
        meta.insert(ALWAYS_LOAD.into(), true.into());
        let tool = Tool::new(name, self.description, Arc::new(schema)).with_meta(meta);
        if only_looks { tool.with_annotations(ToolAnnotations::new().read_only(true)) } else { tool }
    }

    /// The arguments of a call, none of them but those it takes.
    pub(crate) fn arguments(&self, name: &str, given: Option<JsonObject>) -> Result<Arguments, Failure> {
        let known: Vec<_> =
            self.properties.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        Arguments::new(name, given, &known)
    }
}
