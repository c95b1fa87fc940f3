//! The fields of a request's JSON, each read with an error that names it.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::ImageError;

/// A JSON object whose fields are taken out one by one. `null` counts as left out.
pub(crate) struct Fields(pub(crate) Map<String, Value>);

impl Fields {
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, ImageError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, &other, "a text")),
        }
    }

    /// A text that is not empty; an empty one counts as left out.
    pub(crate) fn name(&mut self, name: &str) -> Result<Option<String>, ImageError> {
        Ok(self.text(name)?.filter(|text| !text.trim().is_empty()))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, ImageError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong(name, &other, "true or false")),
        }
    }

    pub(crate) fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, ImageError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = whole(&value).filter(|number| range.contains(number));
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| wrong(name, &value, &wanted()))
    }

    /// A whole number that fits into 32 bits.
    pub(crate) fn count(
        &mut self,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, ImageError> {
        let wide = i64::from(*range.start())..=i64::from(*range.end());
        Ok(self.integer(name, wide)?.and_then(|number| u32::try_from(number).ok()))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is that of the field, far below f32's")]
    pub(crate) fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f32>, ImageError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| range.contains(number));
        let wanted = || format!("a number from {} to {}", range.start(), range.end());
        number.map(|number| Some(number as f32)).ok_or_else(|| wrong(name, &value, &wanted()))
    }
}

/// A whole number, also where it is written `20.0`.
fn whole(value: &Value) -> Option<i64> {
    /// Up to here every whole number is its own floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within what is exact")]
    let from_float = |number: f64| (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(from_float))
}

/// A field that is not what it should be. Long values are cut: they may be images.
pub(crate) fn wrong(name: &str, value: &Value, wanted: &str) -> ImageError {
    let shown = value.to_string();
    let cut: String = shown.chars().take(60).collect();
    let dots = if cut.len() < shown.len() { "..." } else { "" };
    ImageError::invalid(name, format!("{name} cannot be {cut}{dots}"), format!("Send {wanted}."))
}
