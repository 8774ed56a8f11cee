/** Every storage there is does the same. */
import { storageSuite } from "./storage-suite.js";
import { diskSubject, LARGE, memorySubject, SMALL, simulatedSubject, virtualSubject } from "./subjects.js";

storageSuite("memory", memorySubject);
storageSuite("the simulator's disk", () => simulatedSubject(0));
storageSuite("the simulator's disk with syncs that take time", () => simulatedSubject(5));
storageSuite("log and checkpoint on virtual files", () => virtualSubject(LARGE));
storageSuite("log and checkpoint on virtual files, folding all the time", () =>
  virtualSubject({ ...SMALL, segmentBytes: 200, foldLogBytes: 1 }),
);
storageSuite("log and LMDB on disk", () => diskSubject(LARGE));
storageSuite("log and LMDB on disk, folding all the time", () =>
  diskSubject({ ...SMALL, segmentBytes: 200, foldLogBytes: 1 }),
);
