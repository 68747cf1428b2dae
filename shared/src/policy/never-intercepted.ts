/**
 * Hosts whose TLS connections are never opened, whatever the configuration lists: what pins its certificates and would
 * break, what people sign in with, and what is nobody's business (money, health). As data, so that it can be read and grown.
 * Each name stands for itself and all below it. The list cannot know every bank: list hosts to intercept, not the world.
 *
 * Microsoft's: learn.microsoft.com, "Manage connection endpoints", and what these say about TLS inspection: "Proxy requirements"
 * of Delivery Optimization; "Network endpoints for Microsoft Intune", also of its government clouds (management, Store,
 * device health); Entra's "Configure Microsoft Entra hybrid join", "application proxy" and "pass-through authentication";
 * "Configure your network environment" of Defender for Endpoint and for Identity. Their content comes by plain http
 * anyway; only control goes over TLS.
 */
export const neverIntercepted: readonly string[] = [
  // Delivery Optimization's services, the Store's, Windows Update's (*.do.dsp.mp, *.delivery.mp, tsfe.trafficshaping.dsp.mp;
  // SOAP), which check for Microsoft's own CA.
  'mp.microsoft.com',
  'update.microsoft.com',
  'windowsupdate.microsoft.com',
  'wustat.windows.com',
  // Activation and licences.
  'sls.microsoft.com',
  'licensing.microsoft.com',
  // Signing in, devices, push, telemetry, Defender.
  'login.microsoftonline.com',
  'login.microsoft.com',
  'login.windows.net',
  'login.live.com',
  'sts.windows.net',
  'microsoftazuread-sso.com',
  'microsoftonline.us',
  'partner.microsoftonline.cn',
  'enterpriseregistration.windows.net',
  'enterpriseenrollment.microsoft.com',
  'manage.microsoft.com',
  'dm.microsoft.com',
  'manage.microsoft.us',
  'dm.microsoft.us',
  // Device health, by certificates of the TPM: has, ekcert; Azure Attestation.
  'spserv.microsoft.com',
  'attest.azure.net',
  // Connectors of Entra, which show certificates of their own.
  'msappproxy.net',
  'notify.windows.com',
  'wns.windows.com',
  'events.data.microsoft.com',
  'smartscreen.microsoft.com',
  'smartscreen-prod.microsoft.com',
  'wdcp.microsoft.com',
  'wdcpalt.microsoft.com',
  'wd.microsoft.com',
  'security.microsoft.com',
  'security.microsoft.us',
  'atp.azure.com',
  ...['cus', 'cus3', 'eus', 'eus3', 'neu', 'neu3', 'weu', 'weu3', 'uks', 'ukw', 'usmt', 'usmv'].map(
    region => `winatp-gw-${region}.microsoft.com`
  ),
  // Others who pin, or whom people sign in with.
  'apple.com',
  'icloud.com',
  'accounts.google.com',
  'okta.com',
  // Money: by top-level domain where there is one that says so.
  'bank',
  'insurance',
  'creditcard',
  'paypal.com',
  'visa.com',
  'mastercard.com',
  'americanexpress.com',
  'stripe.com',
  'wise.com',
  'swift.com',
  // Health.
  'health',
  'healthcare',
  'hospital',
  'clinic',
  'doctor',
  'dental',
  'pharmacy',
  'nhs.uk',
  'gematik.de',
  'ameli.fr'
]

/** @param host in any case, without port */
export function isNeverIntercepted(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return neverIntercepted.some(never => name === never || name.endsWith(`.${never}`))
}
