/** For `pnpm test:crash`; not part of what is published. */
export {
  checkFailures,
  checkKills,
  checkPowerLosses,
  openForCheck,
  recover,
  runForCheck,
} from './crash-checks.js';
export { type DiskCall, readTree, watchDisk } from './disk.js';
