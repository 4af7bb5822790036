//! Postgres's own `isolationtester`, which the end-to-end tests play sessions against each other with.
//!
//! It comes with the server's headers and not with the server, and speaks to a server of any version.

use std::path::{Path, PathBuf};

use anyhow::Context;
use pg_lora_tests::Tree;

use crate::{process, tree};

/// The tree's own, or the newest of this machine.
pub fn tester(private: &Tree) -> anyhow::Result<PathBuf> {
    let others =
        (15..=19).rev().map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin/pg_config")));
    std::iter::once(private.pg_config().to_owned())
        .chain(others)
        .chain(process::in_path("pg_config"))
        .filter(|pg_config| pg_config.is_file())
        .filter_map(|pg_config| tree::answer(&pg_config, "--pgxs").ok())
        .filter_map(|pgxs| beside(Path::new(&pgxs)))
        .find(|file| file.is_file())
        .context(
            "there is no isolationtester on this machine\n\
             hint: install the distribution's postgresql-server-dev package",
        )
}

/// `…/src/makefiles/pgxs.mk` and `…/src/test/isolation/isolationtester`.
fn beside(pgxs: &Path) -> Option<PathBuf> {
    Some(pgxs.parent()?.parent()?.join("test/isolation/isolationtester"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_beside_the_makefiles() {
        let pgxs = Path::new("/p/lib/pgxs/src/makefiles/pgxs.mk");
        assert_eq!(beside(pgxs), Some("/p/lib/pgxs/src/test/isolation/isolationtester".into()));
        assert_eq!(beside(Path::new("")), None);
    }
}
