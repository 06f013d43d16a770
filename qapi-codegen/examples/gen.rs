fn main() {
    let mut args = std::env::args().skip(1);
    let schema = args.next().unwrap();
    let out = args.next().unwrap();
    let t = std::time::Instant::now();
    let output = qapi_codegen::configure().layout(qapi_codegen::Layout::Folder).generate(&schema).unwrap();
    eprintln!("{:?} {} files", t.elapsed(), output.files.len());
    output.write_to(&out).unwrap();
}
