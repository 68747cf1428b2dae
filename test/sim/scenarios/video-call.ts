import { megabit, usual, type Scenario } from './scenario.ts'

export const videoCall: Scenario = {
  ...usual,
  name: 'video-call',
  says: 'somebody is in a video call of 3 Mbit/s on the 20 Mbit/s line that the update comes over in the background',
  defaults: { agents: 10, sites: 1, wan: 20 * megabit, background: true },
  call: 3 * megabit
}
