use std::io::Cursor;

use image::{ImageFormat, RgbaImage, codecs::jpeg::JpegEncoder};
use proptest::prelude::*;

use super::*;

fn grey(width: u32, height: u32, value: impl Fn(u32, u32) -> i64) -> Pixels {
    let mut rgba = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let v = value(x, y).clamp(0, 255) as u8;
            rgba.extend([v, v, v, 255]);
        }
    }
    Pixels { width, height, rgba }
}

fn pattern(x: u32, y: u32) -> i64 {
    i64::from((x * 7 + y * 13 + ((x * y) % 11) * 5) % 256)
}

fn encode(pixels: &Pixels, format: ImageFormat) -> Vec<u8> {
    let mut out = Vec::new();
    let image = RgbaImage::from_raw(pixels.width, pixels.height, pixels.rgba.clone()).unwrap();
    let image = image::DynamicImage::from(image);
    match format {
        ImageFormat::Jpeg => {
            image.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, 92)).unwrap();
        }
        _ => image.write_to(&mut Cursor::new(&mut out), format).unwrap(),
    }
    out
}

#[test]
fn the_likeness_is_that_of_the_paper() {
    // Worked out with numpy straight from the formula, the window slid over every place.
    let a = grey(64, 48, pattern);
    let noisy = grey(64, 48, |x, y| pattern(x, y) + i64::from((x * 31 + y * 17) % 23) - 11);
    let inside = |x, y| (21..40).contains(&x) && (11..30).contains(&y);
    let patch = grey(64, 48, |x, y| if inside(x, y) { 255 - pattern(x, y) } else { pattern(x, y) });
    let likeness = |b: &Pixels| ImageDiff::new(&a, b, 0).ssim.unwrap();
    assert!((likeness(&noisy) - 0.982_582).abs() < 1e-3, "{}", likeness(&noisy));
    assert!((likeness(&patch) - 0.673_450).abs() < 1e-3, "{}", likeness(&patch));
    let diff = ImageDiff::new(&a, &patch, 0);
    assert_eq!((diff.regions.len(), diff.regions[0].x, diff.regions[0].y), (1, 21, 11));
    assert!(diff.words().starts_with("12 % of pixels changed, SSIM 0."), "{}", diff.words());
}

#[test]
fn changes_far_from_each_other_are_regions_of_their_own() {
    let a = grey(400, 300, |_, _| 200);
    let b = grey(400, 300, |x, y| if (x, y) == (3, 4) || (300..320).contains(&x) && y == 250 { 0 } else { 200 });
    let diff = ImageDiff::new(&a, &b, 0);
    let boxes: Vec<_> = diff.regions.iter().map(|r| (r.x, r.y, r.width, r.height, r.pixels)).collect();
    assert_eq!(boxes, [(300, 250, 20, 1, 20), (3, 4, 1, 1, 1)]);
    assert_eq!((diff.changed, diff.largest), (21, 200));
    let small = diff.heat.fit(40);
    assert_eq!((small.width, small.height), (40, 30));
    assert_eq!(small.values.iter().filter(|v| **v > 0).count(), 3, "no change is lost on the way to the screen");
    assert!(diff.words().starts_with("fewer than 0.1 % of pixels changed"), "{}", diff.words());
}

#[test]
fn other_sizes_are_said_and_not_hidden() {
    let a = grey(40, 30, pattern);
    let wide = grey(60, 30, pattern);
    let diff = ImageDiff::new(&a, &wide, 0);
    assert_eq!((diff.fit, diff.changed, diff.total, diff.ssim), (Fit::Corner, 20 * 30, 60 * 30, None));
    assert_eq!(diff.words(), "40 \u{d7} 30 became 60 \u{d7} 30, 33 % of pixels changed");
    let tall = ImageDiff::new(&grey(40, 30, pattern), &grey(20, 60, pattern), 0);
    assert_eq!((tall.total, tall.changed), (40 * 30 + 20 * 30, 20 * 30 + 20 * 30), "what neither covers is no pixel");
    let smooth = |x: u32, y: u32| i64::from(x + y);
    let doubled = grey(80, 60, |x, y| smooth(x / 2, y / 2));
    let diff = ImageDiff::new(&grey(40, 30, smooth), &doubled, 0);
    assert_eq!((diff.fit, diff.changed, diff.is_same_picture()), (Fit::Scaled, 0, false));
    assert!(diff.words().starts_with("40 \u{d7} 30 became 80 \u{d7} 60, else the same"), "{}", diff.words());
    let none = ImageDiff::new(&grey(0, 0, smooth), &grey(0, 0, smooth), 0);
    assert_eq!((none.share(), none.changed), (0.0, 0));
}

#[test]
fn a_picture_in_another_encoding_is_the_same_picture() {
    let smooth = grey(64, 48, |x, y| i64::from(x * 2 + y));
    let picture = |format, mime: &str, p: &Pixels| Picture::new(mime, encode(p, format));
    let png = picture(ImageFormat::Png, "image/png", &smooth);
    let webp = picture(ImageFormat::WebP, "image/webp", &smooth);
    let jpeg = picture(ImageFormat::Jpeg, "image/jpeg", &smooth);
    assert_eq!(jpeg.size, Some((64, 48)));
    assert!(same_picture(&png, &webp) && same_picture(&png, &jpeg) && same_picture(&jpeg, &png));
    assert_eq!(ImageDiff::of(&png, &jpeg).unwrap().words(), "same picture, re-encoded");
    let mut marked = smooth.clone();
    marked.rgba[4 * (64 * 20 + 20)..][..3].copy_from_slice(&[255, 0, 0]);
    assert!(!same_picture(&png, &picture(ImageFormat::Png, "image/png", &marked)));
    assert!(!same_picture(&jpeg, &picture(ImageFormat::Jpeg, "image/jpeg", &marked)));
    let mut faint = smooth.clone();
    faint.rgba[0] += 1;
    assert!(!same_picture(&png, &picture(ImageFormat::Png, "image/png", &faint)), "without loss nothing is tolerated");
    assert!(!same_picture(&png, &Picture::new("image/png", b"no picture".to_vec())));
}

#[test]
fn what_is_transparent_has_no_colour() {
    let one = |rgba: [u8; 4]| Pixels { width: 1, height: 1, rgba: rgba.to_vec() };
    assert_eq!(ImageDiff::new(&one([9, 9, 9, 0]), &one([200, 1, 1, 0]), 0).changed, 0);
    assert_eq!(ImageDiff::new(&one([9, 9, 9, 0]), &one([9, 9, 9, 255]), 0).largest, 255);
}

#[test]
fn views_are_small_enough_for_the_screen_and_say_what_cannot_be_shown() {
    let large = grey(2000, 200, |x, _| i64::from(x % 200));
    let mut other = large.clone();
    other.rgba[4..7].copy_from_slice(&[255, 255, 255]);
    let png = |p: &Pixels| Picture::new("image/png", encode(p, ImageFormat::Png));
    let view = ImageView::new(Some(&png(&large)), Some(&png(&other)));
    let diff = view.diff.as_ref().unwrap();
    assert_eq!((diff.old, diff.changed), ((2000, 200), 1));
    assert!(diff.ssim.unwrap() < 1.0 || diff.words().contains("SSIM"), "{}", diff.words());
    let shown = view.old.as_ref().unwrap();
    assert_eq!((shown.width, shown.height), (1600, 160));
    assert!(view.heat.as_ref().unwrap().rgba.chunks(4).any(|p| p[3] > 0));
    let broken = ImageView::new(Some(&Picture::new("image/png", b"no".to_vec())), Some(&png(&other)));
    assert!(broken.problem.unwrap().starts_with("Before: "));
    assert!(broken.new.is_some() && broken.diff.is_none());
}

fn any_pixels(width: u32, height: u32) -> impl Strategy<Value = Pixels> {
    prop::collection::vec(any::<u8>(), (width * height * 4) as usize).prop_map(move |rgba| Pixels {
        width,
        height,
        rgba,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_is_the_same(a in (1u32..40, 1u32..40).prop_flat_map(|(w, h)| any_pixels(w, h)), tolerance in 0u8..20) {
        let diff = ImageDiff::new(&a, &a, tolerance);
        prop_assert_eq!((diff.changed, diff.share(), diff.ssim), (0, 0.0, Some(1.0)));
        prop_assert!(diff.is_same_picture() && diff.regions.is_empty());
        // The sliding window itself comes to one as well.
        prop_assert!((super::ssim(&a, &a) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn one_changed_pixel_is_found(x in 0u32..90, y in 0u32..70, by in 1u8..=255, seed in any::<u8>()) {
        let a = grey(90, 70, |x, y| pattern(x + u32::from(seed), y));
        let mut b = a.clone();
        let at = ((y * 90 + x) * 4) as usize;
        b.rgba[at] = b.rgba[at].wrapping_add(by);
        let diff = ImageDiff::new(&a, &b, 0);
        prop_assert_eq!(diff.changed, 1);
        prop_assert_eq!(diff.regions, vec![Region { x, y, width: 1, height: 1, pixels: 1 }]);
        prop_assert!(diff.heat.values[(y * 90 + x) as usize] > 0);
    }

    #[test]
    fn both_directions_say_the_same(
        (a, b) in (1u32..30, 1u32..30, 1u32..30, 1u32..30)
            .prop_flat_map(|(w, h, v, k)| (any_pixels(w, h), any_pixels(v, k))),
    ) {
        let (there, back) = (ImageDiff::new(&a, &b, 3), ImageDiff::new(&b, &a, 3));
        prop_assert_eq!((there.changed, there.total, there.largest), (back.changed, back.total, back.largest));
        prop_assert_eq!(there.ssim, back.ssim);
        prop_assert_eq!(&there.regions, &back.regions);
        prop_assert_eq!(&there.heat, &back.heat);
        let inside = there.regions.iter().map(|r| r.pixels).sum::<u64>();
        prop_assert!(there.more_regions > 0 || inside == there.changed);
    }
}
