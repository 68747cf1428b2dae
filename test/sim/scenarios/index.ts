/** All scenarios, in the order in which they are listed. */
import { hundredSites } from './hundred-sites.ts'
import { labOfClones } from './lab-of-clones.ts'
import { officeMorning } from './office-morning.ts'
import { patchTuesday } from './patch-tuesday.ts'
import type { Scenario } from './scenario.ts'
import { siteOf500 } from './site-of-500.ts'
import { slowBranch } from './slow-branch.ts'
import { videoCall } from './video-call.ts'
import { wifiFloor } from './wifi-floor.ts'

export const scenarios: readonly Scenario[] = [
  patchTuesday,
  officeMorning,
  labOfClones,
  slowBranch,
  wifiFloor,
  siteOf500,
  hundredSites,
  videoCall
]
