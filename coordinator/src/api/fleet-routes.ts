/** How the fleet is, for people and their programs. */
import * as view from '@starling/shared/admin-api/fleet-view.ts'
import type { AddRoute } from './route.ts'
import type { ApiParts } from './server.ts'

export function addFleetRoutes(route: AddRoute, { fleetView }: Pick<ApiParts, 'fleetView'>): void {
  route(view.showFleet, ({ query }) => fleetView.fleet(query.site))
  route(view.listSites, ({ query }) => fleetView.sites(query.site))
  route(view.listAgents, ({ query }) => fleetView.agents(query))
  route(view.showAgent, ({ params }) => fleetView.agent(params.agent))
  route(view.listContents, async ({ query }) => fleetView.contents(query.site, query.count))
  route(view.showContent, async ({ params, query }) => fleetView.content(params.transfer, query.site))
  route(view.showSeries, ({ query }) => fleetView.series(query.span, query.site, query.from, query.to))
}
