//! The files of a schema, from the loader as text.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::rc::Rc;

use foldhash::HashMap;

use crate::loader::Loader;
use crate::source::MAX_FILE_SIZE;
use crate::text::Whole;

/// The text of a file.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) text: Whole,
    pub(crate) too_large: bool,
    /// How much of it is UTF-8, unless all is.
    pub(crate) valid: Option<usize>,
}

impl Loaded {
    fn new(bytes: Vec<u8>) -> Loaded {
        let too_large = bytes.len() > MAX_FILE_SIZE;
        let bytes = if too_large { Vec::new() } else { bytes };
        let (text, valid) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                (text.into_owned(), Some(valid))
            }
        };
        Loaded {
            text: Whole::new(text),
            too_large,
            valid,
        }
    }
}

/// Gets each file from a loader once, however often the schema is parsed.
pub(crate) struct Files<'l> {
    loader: &'l dyn Loader,
    loaded: RefCell<HashMap<OsString, Result<Loaded, Rc<io::Error>>>>,
}

impl<'l> Files<'l> {
    pub(crate) fn new(loader: &'l dyn Loader) -> Files<'l> {
        Files {
            loader,
            loaded: RefCell::default(),
        }
    }

    pub(crate) fn load(&self, path: &Path) -> Result<Loaded, Rc<io::Error>> {
        if let Some(known) = self.loaded.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let new = self.loader.load(path).map(Loaded::new).map_err(Rc::new);
        let mut loaded = self.loaded.borrow_mut();
        loaded.insert(path.as_os_str().to_owned(), new.clone());
        new
    }
}
