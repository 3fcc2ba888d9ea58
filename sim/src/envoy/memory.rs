//! What memory an Envoy has: as its allocator counts it, and as the kernel counts it. All figures are bytes.

use std::path::Path;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// What Envoy's allocator says (`/memory` of the admin page; tcmalloc).
///
/// Only `allocated` falls when configuration is taken away: the allocator keeps the freed pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heap {
    /// In use by Envoy; `server.memory_allocated` of its statistics.
    #[serde(deserialize_with = "number_in_text")]
    pub allocated: u64,
    /// Asked of the kernel, whether in use or not; unmapped pages included.
    #[serde(deserialize_with = "number_in_text")]
    pub heap_size: u64,
    /// Free pages that the allocator keeps.
    #[serde(deserialize_with = "number_in_text")]
    pub pageheap_free: u64,
    /// Free pages that it has given back to the kernel.
    #[serde(deserialize_with = "number_in_text")]
    pub pageheap_unmapped: u64,
}

/// What the kernel says of a process (`/proc/PID/smaps_rollup`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// Resident, shared pages included in full: in a sum over many Envoys their common binary, about 48 MiB, counts
    /// each time.
    pub rss: u64,
    /// Resident, each shared page divided by the number of its users: fit for sums.
    pub pss: u64,
    /// Resident and of no file: heap and stacks.
    pub anonymous: u64,
}

/// Everything about the memory of one Envoy at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// As the kernel counts; absent where the system has no `/proc`.
    pub process: Option<ProcessMemory>,
    /// As the allocator counts.
    pub heap: Heap,
}

impl ProcessMemory {
    /// Reads a process's figures; `None` if it is gone, or the system is not Linux.
    pub async fn of(pid: u32) -> Option<Self> {
        let path = Path::new("/proc").join(pid.to_string()).join("smaps_rollup");
        Self::parse(&tokio::fs::read_to_string(path).await.ok()?)
    }

    fn parse(rollup: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        };
        Some(Self { rss: bytes("Rss")?, pss: bytes("Pss")?, anonymous: bytes("Anonymous")? })
    }
}

/// Protobuf JSON writes 64-bit numbers as text.
fn number_in_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format_args!("{text:?} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_rollup() {
        let rollup = "55d0-7ffe ---p 00000000 00:00 0    [rollup]\nRss:               64936 kB\nPss:               14336 kB\n\
                      Pss_Dirty:         13824 kB\nAnonymous:         13824 kB\nSwap:                  0 kB\n";
        let expected = ProcessMemory { rss: 64936 * 1024, pss: 14336 * 1024, anonymous: 13824 * 1024 };
        assert_eq!(ProcessMemory::parse(rollup), Some(expected));
        assert_eq!(ProcessMemory::parse("Rss: 1 kB\n"), None);
    }

    #[tokio::test]
    async fn a_process_that_is_gone_has_none() {
        assert_eq!(ProcessMemory::of(u32::MAX).await, None);
    }

    #[test]
    fn reads_the_admin_page() {
        let page = r#"{"allocated": "5976064", "heap_size": "10485760", "pageheap_unmapped": "0",
                       "pageheap_free": "3932160", "total_thread_cache": "420000", "total_physical_bytes": "1"}"#;
        let heap: Heap = serde_json::from_str(page).unwrap();
        assert_eq!((heap.allocated, heap.heap_size, heap.pageheap_free), (5_976_064, 10_485_760, 3_932_160));
        assert!(serde_json::from_str::<Heap>(&page.replace("5976064", "many")).is_err());
    }
}
