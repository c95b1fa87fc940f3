//! Pictures that are edited, in both ways of painting.

use loadmaster_images::{ErrorCode, Size, encode_base64};
use serde_json::{Value, json};

use crate::place::{Place, Running, cat_with, micro};

/// A picture that was painted just now, in base64.
async fn painted(running: &Running<'_>, more: &Value) -> String {
    running.paint(&cat_with(more)).await.unwrap().data[0].b64_json.clone().unwrap()
}

#[tokio::test]
async fn pictures_and_masks_of_any_size_and_format_come_out_alike() {
    let place = Place::new();
    let mut all = Vec::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        let wide = painted(&running, &json!({"size": "128x64", "output_format": "jpeg"})).await;
        let high = painted(&running, &json!({"size": "64x192", "output_format": "webp"})).await;
        let small = painted(&running, &json!({"size": "64x64", "seed": 9})).await;
        let mut files = Vec::new();
        for (image, mask, size, comes_out) in [
            (&wide, None, "auto", Size::new(128, 64)),
            (&high, None, "auto", Size::new(64, 192)),
            (&high, Some(&wide), "64x64", Size::new(64, 64)),
            (&small, Some(&high), "128x64", Size::new(128, 64)),
            (&small, Some(&small), "auto", Size::new(64, 64)),
        ] {
            let mut edit = cat_with(&json!({"image": image, "size": size, "strength": 0.6, "steps": 4}));
            if let Some(mask) = mask {
                edit["mask"] = json!(mask);
            }
            let edited = running.paint(&edit).await.unwrap();
            assert_eq!(edited.size, Some(comes_out), "{mode}");
            files.push(edited.data[0].bytes().unwrap());
        }
        // The mask is heeded, and so is the strength.
        for other in [json!({"strength": 0.6}), json!({"strength": 0.9, "mask": small})] {
            let mut edit = cat_with(&json!({"image": small, "size": "auto", "steps": 4}));
            edit.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
            let edited = running.paint(&edit).await.unwrap();
            assert_ne!(Some(&edited.data[0].bytes().unwrap()), files.last(), "{other}");
        }
        all.push(files);
        running.stop().await;
    }
    for (at, (resident, one_shot)) in all[0].iter().zip(&all[1]).enumerate() {
        assert!(resident == one_shot, "edit {at} differs");
    }
}

/// A mask of 64 x 64 pixels whose left half is painted, written with that many channels.
fn left_half(colours: png::ColorType) -> String {
    let pixel = |x: u32| match colours {
        // As `OpenAI` has it: nothing is painted where it is opaque, whatever the colour.
        png::ColorType::Rgba => vec![[0, 0, 0, 0], [255, 255, 255, 255]][usize::from(x >= 32)].to_vec(),
        _ => vec![if x < 32 { 255 } else { 0 }],
    };
    let pixels: Vec<u8> = (0..64 * 64).flat_map(|at| pixel(at % 64)).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 64, 64);
    encoder.set_color(colours);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    encode_base64(&file)
}

#[tokio::test]
async fn what_is_transparent_in_a_mask_is_painted() {
    let place = Place::new();
    let running = place.start(&micro("resident")).await;
    let image = painted(&running, &json!({})).await;
    let edit = async |mask: Value| {
        let edit = cat_with(&json!({"image": image, "mask": mask, "strength": 0.9, "steps": 4}));
        running.paint(&edit).await.unwrap().data[0].bytes().unwrap()
    };
    let transparent = edit(json!(left_half(png::ColorType::Rgba))).await;
    assert_eq!(transparent, edit(json!(left_half(png::ColorType::Grayscale))).await);
    assert_ne!(transparent, edit(Value::Null).await);
    running.stop().await;
}

/// A grey PNG of one pixel: what no program edits, and would only fail at.
const GREY: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0aIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82";

#[tokio::test]
async fn what_cannot_be_edited_or_written_is_refused_typed() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        let good = painted(&running, &json!({})).await;
        let grey = encode_base64(GREY);
        for (more, field) in [
            (json!({"image": grey}), "image"),
            (json!({"image": [good, good]}), "image"),
            (json!({"image": "bm90IGFuIGltYWdl"}), "image"),
            (json!({"image": good, "mask": &good[..good.len() / 2]}), "mask"),
        ] {
            let error = running.paint(&cat_with(&more)).await.unwrap_err();
            assert_eq!(
                (&error.code, error.field.as_deref()),
                (&ErrorCode::InvalidRequest, Some(field)),
                "{error}"
            );
        }
        // A mask may be grey.
        running.paint(&cat_with(&json!({"image": good, "mask": grey}))).await.unwrap();
        let compressed = json!({"output_format": "jpeg", "output_compression": 20});
        let answer = running.paint(&cat_with(&compressed)).await;
        if mode == "resident" {
            let usual = painted(&running, &json!({"output_format": "jpeg"})).await;
            let small = answer.unwrap().data[0].b64_json.clone().unwrap();
            assert!(small.len() < usual.len(), "{} {}", small.len(), usual.len());
        } else {
            assert_eq!(answer.unwrap_err().field.as_deref(), Some("output_compression"));
        }
        running.stop().await;
    }
}
