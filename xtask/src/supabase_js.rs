//! supabase-js, with which applications and workers speak to the platform, for the tests that do as well, and the types of Node,
//! on which they run.

use std::path::PathBuf;

use crate::checkout::Checkout;
use crate::{npm, tree};

const VERSION: &str = "2.119.1";
const TYPES: &str = "24.19.2";

/// Fetches it, and what it needs, unless it is there, and says which file describes it.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let home = tree::home(checkout)?.join(format!("supabase-js-{VERSION}-types-{TYPES}"));
    let description = home.join("node_modules/@supabase/supabase-js/package.json");
    if !description.is_file() {
        let spec = format!("@supabase/supabase-js@{VERSION} @types/node@{TYPES}");
        npm::Package { spec: &spec, what: "supabase-js", log: "supabase-js" }.install(checkout, &home)?;
    }
    Ok(description)
}
