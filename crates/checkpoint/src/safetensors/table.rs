//! The JSON object of a safetensors header.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::SafeTensor;

/// Tensors in the order of the object, which names some twice if it is wrong: a map would not tell.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) tensors: Vec<SafeTensor>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
        let mut table = Table::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                table.metadata = map.next_value()?;
            } else {
                let Entry { dtype, shape, data_offsets: range } = map.next_value()?;
                table.tensors.push(SafeTensor { name, dtype, shape, range });
            }
        }
        Ok(table)
    }
}
