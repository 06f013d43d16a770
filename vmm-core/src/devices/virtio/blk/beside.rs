//! Requests beside each other on their way, for a disk that has whoever asks wait: one past the host's cache.

use std::io;
use std::time::Instant;

use super::Blk;
use super::batch::Batch;
use super::news::News;
use super::request::Request;
use super::transfer::{BUFFER, gather, is_zero, scatter};
use crate::block::{Access, Aio, Buffer, Operation};
use crate::sync::lock;

/// So many go at once.
pub(super) const MOST: usize = 32;

impl Blk {
    /// Serves a queue; false where nothing should follow. What overlaps is done in turn.
    pub(super) fn serve_beside(&self, aio: &Aio, queue: u16) -> bool {
        let mut news = News::new(&self.transport);
        let mut batches: Vec<Batch> = Vec::new();
        while let Some(chain) = self.transport.take(queue) {
            let transfer = Request::read(&chain).ok();
            let transfer = transfer.and_then(|request| self.transfer_of(&request, &chain));
            let small = transfer.filter(|transfer| transfer.length <= BUFFER);
            let waits = |batch: &Batch| small.is_none_or(|transfer| batch.conflicts(&transfer));
            if batches.iter().any(waits) && !self.finish_beside(aio, &mut batches, &mut news) {
                lock(&self.failed).push(chain);
                return false;
            }
            let Some(transfer) = small else {
                if !self.answer(chain, &mut news) {
                    return false;
                }
                continue;
            };
            let chain = match batches.last_mut() {
                Some(last) if self.merges => match last.add(chain, transfer) {
                    Ok(()) => continue,
                    Err(chain) => chain,
                },
                _ => chain,
            };
            if batches.len() == MOST && !self.finish_beside(aio, &mut batches, &mut news) {
                lock(&self.failed).push(chain);
                return false;
            }
            batches.push(Batch::of(chain, transfer));
        }
        self.finish_beside(aio, &mut batches, &mut news)
    }

    /// Does what was gathered, all at once; false where nothing should follow.
    fn finish_beside(&self, aio: &Aio, batches: &mut Vec<Batch>, news: &mut News<'_>) -> bool {
        if let [only] = &mut batches[..] {
            let goes_on = self.finish(only, news);
            batches.clear();
            return goes_on;
        }
        let start = Instant::now();
        let results = self.move_beside(aio, batches);
        let time = start.elapsed();
        let mut done = batches.drain(..).zip(results);
        while let Some((mut batch, result)) = done.next() {
            let Some(whole) = batch.whole else { continue };
            if !self.settle_all(whole, &mut batch.parts, (result, time), news) {
                let rest = done.flat_map(|(batch, _)| batch.parts);
                lock(&self.failed).extend(rest.map(|(chain, _)| chain));
                return false;
            }
        }
        true
    }

    /// Moves the bytes of all batches; what comes of each.
    fn move_beside(&self, aio: &Aio, batches: &[Batch]) -> Vec<io::Result<()>> {
        let mut buffers = lock(&self.buffers);
        let count = buffers.len().max(batches.len());
        buffers.resize_with(count, Buffer::default);
        let mut results: Vec<io::Result<()>> = batches.iter().map(|_| Ok(())).collect();
        let mut accesses = Vec::new();
        let mut places = Vec::new();
        let steps = batches.iter().zip(buffers.iter_mut()).zip(&mut results);
        for (place, ((batch, buffer), result)) in steps.enumerate() {
            let Some(whole) = batch.whole else { continue };
            let bytes = buffer.room(usize::try_from(whole.length).unwrap_or_default());
            let is_write = whole.operation != Operation::Read;
            if is_write {
                *result = self.begin_write(whole.offset + whole.length);
                gather(bytes, &batch.parts);
                if result.is_err() {
                    continue;
                }
                if self.node.makes_zeroes().is_some() && is_zero(bytes) {
                    *result = self.put(whole.offset, bytes);
                    continue;
                }
            }
            places.push(place);
            accesses.push(Access {
                is_write,
                offset: whole.offset,
                bytes,
            });
        }
        let moved = self.disk.run(aio, &mut accesses);
        for ((place, access), moved) in places.into_iter().zip(accesses).zip(moved) {
            if let (Some(batch), Ok(()), false) = (batches.get(place), &moved, access.is_write) {
                scatter(access.bytes, &batch.parts);
            }
            if let Some(result) = results.get_mut(place) {
                *result = moved;
            }
        }
        self.sync_beside(batches, &mut results);
        results
    }

    /// Puts what was written on stable storage, unless the guest does so.
    fn sync_beside(&self, batches: &[Batch], results: &mut [io::Result<()>]) {
        let writes = |batch: &Batch| {
            let whole = batch.whole;
            whole.is_some_and(|whole| whole.operation != Operation::Read)
        };
        if !batches.iter().any(writes) {
            return;
        }
        let Err(error) = self.end_write() else { return };
        let code = error.raw_os_error().unwrap_or(libc::EIO);
        for (batch, result) in batches.iter().zip(results) {
            if writes(batch) && result.is_ok() {
                *result = Err(io::Error::from_raw_os_error(code));
            }
        }
    }
}
