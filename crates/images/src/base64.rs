//! Images within JSON.

use ::base64::{Engine, engine::general_purpose::STANDARD};

/// `bytes` in base64, with padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of `text`, which is base64, or a `data:` URL of it. `None` if it is neither.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let data = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => text,
    };
    STANDARD.decode(data.trim()).ok()
}

/// For serde: a field of bytes that is base64 in JSON.
pub(crate) mod field {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::decode(&text).ok_or_else(|| D::Error::custom("this is not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_data_urls_are_read() {
        assert_eq!(encode(b"\0\xffabc"), "AP9hYmM=");
        assert_eq!(decode("AP9hYmM="), Some(b"\0\xffabc".to_vec()));
        assert_eq!(decode("data:image/png;base64,AP9hYmM="), Some(b"\0\xffabc".to_vec()));
        assert_eq!(decode("data:image/png,abc"), None);
        assert_eq!(decode("not base64"), None);
    }
}
