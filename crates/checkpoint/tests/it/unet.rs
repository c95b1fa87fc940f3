//! The denoiser of Stable Diffusion 1, in `CompVis`'s spelling, and its small variant.

use crate::models::Model;

/// Whole with 860 million parameters, or the tiny one of 323 million.
pub(crate) fn sd1(tiny: bool) -> Model {
    let mut unet = Unet { model: Model::new(), index: 0 };
    unet.linear("time_embed.0", 320, 1280);
    unet.linear("time_embed.2", 1280, 1280);
    unet.conv("input_blocks.0.0", 4, 320, 3);
    let (depth, multiples): (usize, &[u64]) = if tiny { (1, &[1, 2, 4]) } else { (2, &[1, 2, 4, 4]) };
    let attends = |level: usize| level < 3;
    let mut kept = vec![320];
    let mut width = 320;
    for (level, multiple) in multiples.iter().enumerate() {
        for _ in 0..depth {
            unet.index += 1;
            let at = unet.index;
            unet.residual(&format!("input_blocks.{at}.0"), width, multiple * 320);
            width = multiple * 320;
            if attends(level) {
                unet.attention(&format!("input_blocks.{at}.1"), width);
            }
            kept.push(width);
            unet.index += usize::from(tiny);
        }
        if level + 1 < multiples.len() {
            unet.index += 1;
            let at = unet.index;
            unet.conv(&format!("input_blocks.{at}.0.op"), width, width, 3);
            kept.push(width);
        }
    }
    if !tiny {
        unet.residual("middle_block.0", width, width);
        unet.attention("middle_block.1", width);
        unet.residual("middle_block.2", width, width);
    }
    let mut at = 0;
    for level in (0..multiples.len()).rev() {
        for block in 0..=depth {
            let skipped = kept.pop().unwrap();
            unet.residual(&format!("output_blocks.{at}.0"), width + skipped, multiples[level] * 320);
            width = multiples[level] * 320;
            let mut up = 1;
            if attends(level) {
                unet.attention(&format!("output_blocks.{at}.1"), width);
                up += 1;
            }
            if level > 0 && block == depth {
                if tiny {
                    at += 1;
                    up = if at == 2 { 1 } else { up };
                }
                unet.conv(&format!("output_blocks.{at}.{up}.conv"), width, width, 3);
            }
            at += 1;
        }
    }
    unet.norm("out.0", width);
    unet.conv("out.2", 320, 4, 3);
    unet.model
}

struct Unet {
    model: Model,
    index: usize,
}

impl Unet {
    fn linear(&mut self, name: &str, takes: u64, gives: u64) {
        self.model.tensor(format!("{name}.weight"), &[gives, takes]);
        self.model.tensor(format!("{name}.bias"), &[gives]);
    }

    fn conv(&mut self, name: &str, takes: u64, gives: u64, side: u64) {
        self.model.tensor(format!("{name}.weight"), &[gives, takes, side, side]);
        self.model.tensor(format!("{name}.bias"), &[gives]);
    }

    fn norm(&mut self, name: &str, width: u64) {
        self.model.tensor(format!("{name}.weight"), &[width]);
        self.model.tensor(format!("{name}.bias"), &[width]);
    }

    fn residual(&mut self, name: &str, takes: u64, gives: u64) {
        self.norm(&format!("{name}.in_layers.0"), takes);
        self.conv(&format!("{name}.in_layers.2"), takes, gives, 3);
        self.linear(&format!("{name}.emb_layers.1"), 1280, gives);
        self.norm(&format!("{name}.out_layers.0"), gives);
        self.conv(&format!("{name}.out_layers.3"), gives, gives, 3);
        if takes != gives {
            self.conv(&format!("{name}.skip_connection"), takes, gives, 1);
        }
    }

    fn attention(&mut self, name: &str, width: u64) {
        self.norm(&format!("{name}.norm"), width);
        self.conv(&format!("{name}.proj_in"), width, width, 1);
        let block = format!("{name}.transformer_blocks.0.");
        for (attention, text) in [("attn1", width), ("attn2", 768)] {
            self.model.tensor(format!("{block}{attention}.to_q.weight"), &[width, width]);
            self.model.tensor(format!("{block}{attention}.to_k.weight"), &[width, text]);
            self.model.tensor(format!("{block}{attention}.to_v.weight"), &[width, text]);
            self.linear(&format!("{block}{attention}.to_out.0"), width, width);
        }
        self.linear(&format!("{block}ff.net.0.proj"), width, 8 * width);
        self.linear(&format!("{block}ff.net.2"), 4 * width, width);
        for norm in ["norm1", "norm2", "norm3"] {
            self.norm(&format!("{block}{norm}"), width);
        }
        self.conv(&format!("{name}.proj_out"), width, width, 1);
    }
}
