/** What was spared, who is there, and how often contents crossed the WAN: of the fleet or of a site. */
import { useState } from 'preact/hooks'
import { Switch } from '@starling/shared/web/box.tsx'
import { Tiles } from './parts.tsx'
import { useText } from './words.ts'

const savingsSpans = ['day', 'week', 'month'] as const

export function FleetTiles({
  fleet
}: {
  readonly fleet: {
    readonly agents: number
    readonly online: number
    readonly amplification: number | null
    readonly savings: Readonly<
      Record<
        (typeof savingsSpans)[number],
        { readonly clients: number; readonly wan: number; readonly saved: number }
      >
    >
  }
}) {
  const { t, format } = useText()
  const [span, setSpan] = useState<(typeof savingsSpans)[number]>('week')
  const { clients, wan, saved } = fleet.savings[span]
  return (
    <>
      <div class="headline-row">
        <p class="headline">
          <strong>{clients === 0 ? t('fleet.nothing') : format.share(saved, clients)}</strong>{' '}
          {clients > 0 && t('fleet.savedOf', { saved: format.bytes(saved), clients: format.bytes(clients) })}
        </p>
        <Switch
          label={t('sources.range')}
          names={savingsSpans}
          chosen={span}
          write={name => t(`sources.${name}`)}
          choose={setSpan}
        />
      </div>
      <Tiles
        tiles={[
          {
            name: t('fleet.online'),
            value: t('fleet.onlineOf', {
              online: format.count(fleet.online),
              agents: format.count(fleet.agents)
            })
          },
          { name: t('fleet.wan'), value: format.bytes(wan) },
          {
            name: t('fleet.amplification'),
            value: fleet.amplification === null ? '–' : format.decimal(fleet.amplification),
            hint: t('fleet.amplificationHint')
          }
        ]}
      />
    </>
  )
}
