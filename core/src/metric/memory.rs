//! Lists that may find no memory.

use crate::{Error, Result};

/// An empty list with room for so many; `what` is for the message.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn with_room<T>(count: usize, what: &str) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(count).map_err(|_| Error::out_of_memory(what))?;
    Ok(list)
}

/// These values, `count` of them unless the caller is mistaken.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn list_of<T>(values: impl Iterator<Item = T>, count: usize, what: &str) -> Result<Vec<T>> {
    let mut list = with_room(count, what)?;
    for value in values {
        if list.len() == list.capacity() {
            list.try_reserve(1).map_err(|_| Error::out_of_memory(what))?;
        }
        list.push(value);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn what_no_memory_holds_is_an_error_and_a_wrong_count_is_none() {
        let error = with_room::<u64>(usize::MAX / 16, "the moon").unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::OutOfMemory, "there is no memory for the moon")
        );
        assert_eq!(list_of(0..100, 3, "").unwrap(), list_of(0..100, 200, "").unwrap());
    }
}
