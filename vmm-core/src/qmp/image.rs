//! Pictures as files.

use std::io::{self, BufWriter, Write};

use crate::devices::Picture;

/// Writes a portable pixmap.
pub(super) fn write_ppm(picture: &Picture, file: impl Write) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    write!(file, "P6\n{} {}\n255\n", picture.width, picture.height)?;
    file.write_all(&picture.rgb)?;
    file.flush()
}

/// Writes a PNG file.
pub(super) fn write_png(picture: &Picture, file: impl Write) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut encoder = png::Encoder::new(&mut file, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer
        .write_image_data(&picture.rgb)
        .map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    file.flush()
}
