//! A query plan, as far as benchmarks ask about it: what it scans, and whether in the order of an index.

use anyhow::Context;
use serde_json::Value;

/// What `explain (format json)` said.
pub struct Plan(Value);

impl Plan {
    /// Reads the answer of `explain (format json)`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let answer: Value = serde_json::from_str(text)?;
        Ok(Self(answer.pointer("/0/Plan").context("the server explained nothing")?.clone()))
    }

    /// The scans, with their indexes and numbers of workers.
    pub fn scans(&self) -> String {
        let mut scans = Vec::new();
        walk(&self.0, &mut |node| {
            scans.extend(node["Workers Planned"].as_u64().map(|workers| format!("{workers} workers")));
            match node["Index Name"].as_str() {
                Some(index) => scans.push(format!("{} on {index}", kind(node))),
                // The scan of the bitmap's index says it.
                None if kind(node) == "Bitmap Heap Scan" => {}
                None => {
                    scans.extend(node["Relation Name"].as_str().map(|of| format!("{} on {of}", kind(node))));
                }
            }
        });
        scans.join(", ")
    }

    /// Whether a table is read in the order of an index, and not otherwise.
    pub fn reads_index_only_of(&self, table: &str) -> bool {
        let mut scans = Vec::new();
        walk(&self.0, &mut |node| {
            scans.extend((node["Relation Name"] == table).then(|| kind(node).starts_with("Index")));
        });
        !scans.is_empty() && scans.into_iter().all(|indexed| indexed)
    }
}

fn kind(node: &Value) -> &str {
    node["Node Type"].as_str().unwrap_or_default()
}

fn walk(node: &Value, visit: &mut impl FnMut(&Value)) {
    visit(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_below_a_limit_is_found() {
        let plan = Plan::parse(
            r#"[{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan", "Relation Name": "datasets",
                "Index Name": "datasets_idx"}]}}]"#,
        )
        .unwrap();
        assert_eq!(plan.scans(), "Index Scan on datasets_idx");
        assert!(plan.reads_index_only_of("datasets"));
        assert!(!plan.reads_index_only_of("training_jobs"));
    }

    #[test]
    fn a_sequential_scan_is_no_index() {
        let plan =
            Plan::parse(r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "datasets"}}]"#).unwrap();
        assert_eq!(plan.scans(), "Seq Scan on datasets");
        assert!(!plan.reads_index_only_of("datasets"));
    }
}
