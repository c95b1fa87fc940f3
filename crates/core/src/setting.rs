//! Reading one setting of a request, for whoever writes a backend.

use serde::Deserialize;
use serde_json::Value;

use crate::BackendError;

/// The value of the setting `name`; `expected` says in words what it takes: `"it takes true or false"`.
///
/// # Errors
/// [`BackendError::BadSetting`] if it is of another kind.
pub fn read<T: for<'de> Deserialize<'de>>(
    name: &str,
    value: &Value,
    expected: &str,
) -> Result<T, BackendError> {
    T::deserialize(value).map_err(|_| refusal(name, value, expected))
}

/// The setting `name` cannot be `value`: [`BackendError::BadSetting`], with the value as its writer wrote it.
pub fn refusal(name: &str, value: &Value, expected: &str) -> BackendError {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    BackendError::BadSetting { name: name.to_owned(), value, expected: expected.to_owned() }
}
