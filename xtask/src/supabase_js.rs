//! supabase-js, with which the documentation's workers speak to the platform: the tests run them as they stand there.

use std::path::PathBuf;

use crate::checkout::Checkout;
use crate::{npm, tree};

/// The last that runs on node 20 without further ado.
const VERSION: &str = "2.57.4";

/// Fetches it, and what it needs, unless it is there, and says which file describes it.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let home = tree::home(checkout)?.join(format!("supabase-js-{VERSION}"));
    let description = home.join("node_modules/@supabase/supabase-js/package.json");
    if !description.is_file() {
        let spec = format!("@supabase/supabase-js@{VERSION}");
        npm::Package { spec: &spec, what: "supabase-js", log: "supabase-js" }.install(checkout, &home)?;
    }
    Ok(description)
}
