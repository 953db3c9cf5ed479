//! The log of one kernel: every event of every execution, in order, append only.
//!
//! It is at once what a window reads from: each follows it at its own pace from the disk, so that a slow window costs
//! no memory and holds back nobody. A segment whose executions are all in the file can be dropped once it is old.
use std::{
    collections::{BTreeSet, VecDeque},
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::frame::{Body, HEAD, Record, checksum, head};
use crate::base::{Result, error::Context};

/// A segment is closed at this size.
const SEGMENT: u64 = 8 << 20;
/// Memory used when the disk takes no more.
const SPARE_MEMORY: u64 = 64 << 20;

enum Data {
    Disk {
        file: File,
        path: PathBuf,
    },
    /// The disk refused.
    Memory(Vec<u8>),
}

struct Segment {
    /// Serial of its first record.
    first: u64,
    data: Data,
    len: u64,
    execs: BTreeSet<u64>,
    written: Instant,
}

impl Segment {
    fn append(&mut self, frame: &[u8]) -> std::io::Result<()> {
        match &mut self.data {
            Data::Disk { file, .. } => {
                if let Err(e) = file.write_all_at(frame, self.len) {
                    let _ = file.set_len(self.len);
                    return Err(e);
                }
            }
            Data::Memory(bytes) => bytes.extend(frame),
        }
        self.len += frame.len() as u64;
        self.written = Instant::now();
        Ok(())
    }
    fn read(&self, from: u64, most: usize) -> std::io::Result<Vec<u8>> {
        let length = usize::try_from(self.len.saturating_sub(from)).unwrap_or(usize::MAX).min(most);
        match &self.data {
            Data::Disk { file, .. } => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, from)?;
                Ok(bytes)
            }
            Data::Memory(all) => Ok(all.get(from as usize..from as usize + length).unwrap_or_default().to_vec()),
        }
    }
}

struct Inner {
    dir: PathBuf,
    segments: VecDeque<Segment>,
    next: u64,
    /// Records that found no room anywhere.
    lost: u64,
}

/// Where a reader is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cursor {
    /// The next serial it wants.
    pub next: u64,
    segment: u64,
    offset: u64,
}

impl Cursor {
    /// Before this serial.
    pub fn at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }
}

/// The log of one kernel.
pub struct Log {
    inner: Mutex<Inner>,
    head: watch::Sender<u64>,
    /// Grows with what has a moment's time.
    soon: watch::Sender<u64>,
}

impl Log {
    /// Opens the log in `dir`, new or as an owner left it; `each` hears what it holds. A torn end is cut off.
    pub fn open(dir: &Path, mut each: impl FnMut(&Record)) -> Result<Self> {
        fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
        let mut names: Vec<PathBuf> = fs::read_dir(dir)
            .io(|| format!("Could not read the folder {}", dir.display()))?
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "log"))
            .collect();
        names.sort();
        let (mut segments, mut next) = (VecDeque::new(), 1);
        for path in names {
            let bytes = fs::read(&path).io(|| format!("Could not read {}", path.display()))?;
            let mut segment = Segment {
                first: next,
                len: 0,
                execs: BTreeSet::new(),
                written: Instant::now(),
                data: Data::Disk { file: open(&path)?, path },
            };
            for body in frames(&bytes) {
                let Some(record) = Record::decode(body) else { break };
                if segment.len == 0 {
                    segment.first = record.serial;
                }
                next = record.serial + 1;
                segment.len += (HEAD + body.len()) as u64;
                segment.execs.insert(record.exec);
                each(&record);
            }
            segments.push_back(segment);
        }
        Ok(Self {
            inner: Mutex::new(Inner { dir: dir.to_path_buf(), segments, next, lost: 0 }),
            head: watch::Sender::new(next - 1),
            soon: watch::Sender::new(next - 1),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record and gives its serial.
    pub fn append(&self, exec: u64, body: Body) -> u64 {
        let mut inner = self.inner();
        let serial = inner.next;
        let record = Record { serial, exec, body };
        let (frame, has_time) = (record.encode(), record.body.has_time());
        inner.next += 1;
        inner.put(serial, exec, &frame);
        drop(inner);
        self.head.send_if_modified(|head| {
            *head = serial;
            !has_time
        });
        if has_time {
            self.soon.send_replace(serial);
        }
        serial
    }

    /// The last serial there is.
    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }
    /// Tells when it grows; and when it grows by what can wait a moment for what comes behind it, which the first does not
    /// tell of.
    pub fn follow(&self) -> (watch::Receiver<u64>, watch::Receiver<u64>) {
        (self.head.subscribe(), self.soon.subscribe())
    }
    /// Bytes on disk and in memory.
    pub fn bytes(&self) -> u64 {
        self.inner().segments.iter().map(|s| s.len).sum()
    }
    /// Records that could not be kept.
    pub fn lost(&self) -> u64 {
        self.inner().lost
    }

    /// The next whole frames from the cursor on, about `most` bytes; empty: there is nothing new.
    pub fn read(&self, cursor: &mut Cursor, most: usize) -> Result<Vec<u8>> {
        let inner = self.inner();
        let wanted = cursor.next;
        let current = |s: &Segment| s.first == cursor.segment && s.len >= cursor.offset && cursor.segment > 0;
        let mut at = inner.segments.iter().position(current);
        if at.is_none() {
            // Not begun, or what it read was dropped: the segment that holds the wanted serial, else the next there is.
            let after = inner.segments.iter().position(|s| s.first > wanted).unwrap_or(inner.segments.len());
            at = Some(after.saturating_sub(1));
            cursor.offset = 0;
        }
        let mut at = at.unwrap_or(0);
        loop {
            let Some(segment) = inner.segments.get(at) else { return Ok(Vec::new()) };
            cursor.segment = segment.first;
            if cursor.offset < segment.len {
                let what = || "Could not read the log of the kernel".to_owned();
                let mut bytes = segment.read(cursor.offset, most).io(what)?;
                if let Some((length, _)) = head(&bytes)
                    && length + HEAD > bytes.len()
                {
                    bytes = segment.read(cursor.offset, length + HEAD).io(what)?;
                }
                let whole: usize = frames(&bytes).map(|b| b.len() + HEAD).sum();
                bytes.truncate(whole);
                cursor.offset += whole as u64;
                if whole > 0 {
                    return Ok(bytes);
                }
                return Ok(Vec::new());
            }
            at += 1;
            if inner.segments.get(at).is_none() {
                return Ok(Vec::new());
            }
            cursor.offset = 0;
        }
    }

    /// Drops closed segments whose executions are all `done_with` and which nobody has written for `age`, and the
    /// oldest of them at once while the log holds more than `most` bytes.
    pub fn prune(&self, done_with: impl Fn(u64) -> bool, age: Duration, most: u64) {
        let mut inner = self.inner();
        let mut total: u64 = inner.segments.iter().map(|s| s.len).sum();
        while inner.segments.len() > 1 {
            let Some(first) = inner.segments.front() else { return };
            let old = first.written.elapsed() >= age || total > most;
            if !old || !first.execs.iter().all(|e| *e == 0 || done_with(*e)) {
                return;
            }
            total -= first.len;
            if let Some(Segment { data: Data::Disk { path, .. }, .. }) = inner.segments.pop_front() {
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Inner {
    fn put(&mut self, serial: u64, exec: u64, frame: &[u8]) {
        if self.segments.back().is_none_or(|s| s.len >= SEGMENT) {
            let data = self.new_data(serial);
            self.segments.push_back(Segment {
                first: serial,
                data,
                len: 0,
                execs: BTreeSet::new(),
                written: Instant::now(),
            });
        }
        let in_memory = |s: &Segment| matches!(s.data, Data::Memory(_));
        let held: u64 = self.segments.iter().filter(|s| in_memory(s)).map(|s| s.len).sum();
        let Some(last) = self.segments.back_mut() else { return };
        if in_memory(last) && held > SPARE_MEMORY {
            self.lost += 1;
            return;
        }
        if let Err(e) = last.append(frame) {
            tracing::error!("the log of a kernel goes on in memory: {e}");
            let mut spare = Segment {
                first: serial,
                data: Data::Memory(Vec::new()),
                len: 0,
                execs: BTreeSet::from([exec]),
                written: Instant::now(),
            };
            // Memory takes it.
            let _ = spare.append(frame);
            if last.len == 0 {
                self.segments.pop_back();
            }
            self.segments.push_back(spare);
            return;
        }
        last.execs.insert(exec);
    }

    fn new_data(&self, serial: u64) -> Data {
        let path = self.dir.join(format!("{serial:012}.log"));
        match open(&path) {
            Ok(file) => Data::Disk { file, path },
            Err(e) => {
                tracing::error!("the log of a kernel goes on in memory: {e}");
                Data::Memory(Vec::new())
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).io(|| format!("Could not open {}", path.display()))
}

/// The bodies of the whole frames at the head of `bytes`; ends at the first that is torn or false.
pub fn frames(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, sum) = head(rest)?;
        let body = rest.get(HEAD..HEAD + length)?;
        if checksum(body) != sum {
            return None;
        }
        rest = rest.get(HEAD + length..).unwrap_or_default();
        Some(body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kernel::ExecEvent;

    fn text(n: u64) -> Body {
        Body::Event(ExecEvent::Stream { stderr: false, text: format!("line {n}\n") })
    }

    fn serials(log: &Log, from: u64) -> Vec<u64> {
        let (mut cursor, mut all) = (Cursor { next: from, ..Cursor::default() }, Vec::new());
        loop {
            let bytes = log.read(&mut cursor, 100).unwrap();
            if bytes.is_empty() {
                return all;
            }
            all.extend(frames(&bytes).map(|b| Record::peek(b).unwrap().0).filter(|s| *s >= from));
        }
    }

    #[test]
    fn a_reader_gets_everything_in_order_and_then_what_comes() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path(), |_| {}).unwrap();
        let mut cursor = Cursor::default();
        assert!(log.read(&mut cursor, 100).unwrap().is_empty());
        for n in 1..=50 {
            assert_eq!(log.append(1, text(n)), n);
        }
        let mut seen = 0;
        loop {
            let bytes = log.read(&mut cursor, 100).unwrap();
            if bytes.is_empty() {
                break;
            }
            seen += frames(&bytes).count();
        }
        assert_eq!(seen, 50);
        log.append(1, text(51));
        let bytes = log.read(&mut cursor, 100).unwrap();
        assert_eq!(frames(&bytes).map(|b| Record::peek(b).unwrap().0).collect::<Vec<_>>(), [51]);
        assert_eq!(serials(&log, 30), (30..=51).collect::<Vec<_>>());
    }

    #[test]
    fn a_torn_tail_is_cut_and_the_log_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        {
            let log = Log::open(dir.path(), |_| {}).unwrap();
            (1..=5).for_each(|n| assert!(log.append(n, text(n)) > 0));
        }
        let path = dir.path().join("000000000001.log");
        let bytes = fs::read(&path).unwrap();
        for cut in [1, 7, 20] {
            fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            let mut seen = Vec::new();
            let log = Log::open(dir.path(), |r| seen.push(r.serial)).unwrap();
            assert_eq!(seen, [1, 2, 3, 4]);
            assert_eq!(log.append(9, text(9)), 5);
            assert_eq!(serials(&log, 1), [1, 2, 3, 4, 5]);
        }
        let mut damaged = bytes.clone();
        damaged[60] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(serials(&Log::open(dir.path(), |_| {}).unwrap(), 1).len() < 5, "nothing after a false record is read");
    }

    #[test]
    fn old_segments_go_when_all_in_them_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path(), |_| {}).unwrap();
        let big = |exec| log.append(exec, Body::Event(ExecEvent::Stream { stderr: false, text: "x".repeat(9 << 20) }));
        (1..=4).for_each(|exec| assert!(big(exec) > 0));
        let files = || fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files(), 4);
        log.prune(|e| e == 1 || e == 3, Duration::ZERO, u64::MAX);
        assert_eq!(files(), 3, "the second execution is not in the file yet");
        log.prune(|_| true, Duration::from_mins(1), u64::MAX);
        assert_eq!(files(), 3, "they are not old");
        log.prune(|_| true, Duration::from_mins(1), 1 << 20);
        assert_eq!(files(), 1, "too much is kept, so age does not count; the last one is written to");
        assert_eq!(serials(&log, 1), [4]);
    }

    #[test]
    fn a_disk_that_refuses_costs_memory_and_not_the_output() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(&dir.path().join("gone"), |_| {}).unwrap();
        fs::remove_dir_all(dir.path().join("gone")).unwrap();
        (1..=3).for_each(|n| assert!(log.append(n, text(n)) > 0));
        assert_eq!(serials(&log, 1), [1, 2, 3]);
        assert_eq!(log.lost(), 0);
    }
}
