/** What only this machine's admin may say, in its registry: no document has these names, and no coordinator can send them. */
import { switchField } from './fields.ts'

export const machineShape = {
  honourDeliveryOptimizationPolicies: switchField(false, {
    what: "Whether what Delivery Optimization is told by Group Policy and by MDM counts for this agent, too, behind what stands under Starling's own key",
    why: 'A fleet that leaves Delivery Optimization to Windows must not change what agents do by setting it'
  })
}
