//! A painter that paints one colour, made of the seed. It understands nothing of the prompt, but for a first word
//! that says what goes wrong.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_images::{
    Capabilities, Defaults, ErrorCode, ImageError, ImageEvent, ImageFormat, ImageRequest, Limits, Painted,
    Painter, Painting, Partial, Progress, Size, Stage, Timings,
};
use serde_json::{Map, json};
use tokio::sync::mpsc;

/// Paints one colour.
#[derive(Debug)]
pub(crate) struct PlainColour {
    /// What it refuses.
    pub(crate) limits: Limits,
    /// How long each step takes.
    pub(crate) step: Duration,
    /// How many are painted now, and were painted to their end.
    pub(crate) painting: AtomicUsize,
    pub(crate) painted: AtomicUsize,
}

impl Default for PlainColour {
    fn default() -> Self {
        let limits = Limits { max_pixels: 512 * 512, max_side: 1024, ..Limits::default() };
        Self {
            limits,
            step: Duration::from_millis(1),
            painting: AtomicUsize::new(0),
            painted: AtomicUsize::new(0),
        }
    }
}

/// Counts one that is painted, until it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[async_trait]
impl Painter for PlainColour {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            family: Some("plain colour".to_owned()),
            mode: "resident".to_owned(),
            samplers: vec!["euler".to_owned(), "euler_a".to_owned()],
            schedulers: vec!["discrete".to_owned()],
            loras: Vec::new(),
            edits: true,
            previews: true,
            limits: self.limits,
            defaults: Defaults { size: Some(Size::new(64, 64)), steps: Some(4), ..Defaults::default() },
        }
    }

    async fn paint(
        &self,
        request: ImageRequest,
        events: mpsc::Sender<ImageEvent>,
    ) -> Result<Painting, ImageError> {
        self.painting.fetch_add(1, SeqCst);
        let _counted = Counted(&self.painting);
        let first_word = request.prompt.split_whitespace().next();
        if first_word == Some("full") {
            return Err(ImageError::new(ErrorCode::DiskFull, "The disk is full", "Make room on the disk."));
        }
        assert_ne!(first_word, Some("panic"), "as the prompt says");
        let size = request.size.unwrap_or(Size::new(64, 64));
        let steps = request.steps.unwrap_or(4);
        let seed = request.seed.unwrap_or(7);
        let mut images = Vec::new();
        for (image, seed) in (0..request.n).zip(seed..) {
            let [.., r, g, b] = seed.to_be_bytes();
            for step in 1..=steps {
                tokio::time::sleep(self.step).await;
                let fraction = f64::from(image * steps + step) / f64::from(request.n * steps);
                let progress = Progress {
                    stage: Stage::Sampling,
                    step,
                    steps,
                    image,
                    images: request.n,
                    fraction,
                    eta_ms: Some(1),
                };
                // A client that does not listen hears nothing.
                let _ = events.try_send(ImageEvent::Progress(progress));
                if step <= request.partial_images {
                    let bytes = png(size, [128, g, b]);
                    let partial = Partial { bytes, format: ImageFormat::Png, index: step - 1, image };
                    let _ = events.try_send(ImageEvent::Partial(partial));
                }
            }
            images.push(Painted { bytes: png(size, [r, g, b]), format: ImageFormat::Png, seed });
        }
        self.painted.fetch_add(1, SeqCst);
        let mut parameters = Map::new();
        parameters.insert("steps".to_owned(), json!(steps));
        parameters.insert("inputs".to_owned(), json!(request.images.len()));
        parameters.insert("masked".to_owned(), json!(request.mask.is_some()));
        let timings =
            Timings { sampling_ms: u64::from(steps), total_ms: u64::from(steps) + 1, ..Timings::default() };
        Ok(Painting { images, size: Some(size), parameters, timings })
    }
}

/// A whole PNG of one colour; its pixels are not compressed.
pub(crate) fn png(size: Size, colour: [u8; 3]) -> Vec<u8> {
    let row: Vec<u8> = [0].into_iter().chain((0..size.width).flat_map(|_| colour)).collect();
    let pixels: Vec<u8> = (0..size.height).flat_map(|_| row.clone()).collect();
    // zlib (RFC 1950): a header, blocks that are stored as they are (RFC 1951, 3.2.4), and a checksum.
    let mut packed = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = pixels.chunks(65_535).collect();
    for (index, block) in (1..).zip(&blocks) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        packed.push(u8::from(index == blocks.len()));
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&(!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
    packed.extend_from_slice(&adler32(&pixels).to_be_bytes());
    let header = [&size.width.to_be_bytes()[..], &size.height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
        file.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        let begins = file.len();
        file.extend_from_slice(kind);
        file.extend_from_slice(data);
        let crc = crc32(&file[begins..]);
        file.extend_from_slice(&crc.to_be_bytes());
    }
    file
}

fn adler32(bytes: &[u8]) -> u32 {
    let step = |(a, b): (u32, u32), byte: &u8| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    };
    let (a, b) = bytes.iter().fold((1, 0), step);
    (b << 16) | a
}

/// Bit by bit, and thereby another way than that of the crate.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}
