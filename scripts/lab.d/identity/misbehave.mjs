// Endpoints that answer what real ones answer to errors, or mean harm: the tenant's name says which.
const TEXTS = {
  7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '12345678-90ab-cdef-1234-567890abcdef'.",
  7000222: "The provided client secret keys for app '12345678-90ab-cdef-1234-567890abcdef' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  700016: "Application with identifier '12345678-90ab-cdef-1234-567890abcdef' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
  90002: "Tenant 'aadsts90002.example.com' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
  700027: 'Client assertion contains an invalid signature. [Reason - The key was not found.]',
  53003: 'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
  90055: 'The request has been throttled.',
}

// Whether this path misbehaves; if so, it has answered.
export function misbehave(path, response) {
  const tenant = /^\/([a-z]+)(\d*)\.example\.com\//.exec(path)
  const [what, number] = tenant ? tenant.slice(1) : []
  const head = (status, type = 'application/json', more = {}) => response.writeHead(status, { 'content-type': type, ...more })
  switch (what) {
    case 'aadsts':
      head(number === '90055' ? 429 : number === '700016' || number === '90002' ? 400 : 401)
      response.end(JSON.stringify({
        error: 'invalid_client',
        error_description: `AADSTS${number}: ${TEXTS[number]} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-11-28 12:00:00Z`,
        error_codes: [Number(number)], timestamp: '2026-11-28 12:00:00Z', trace_id: '0', correlation_id: '0',
      }))
      return true
    case 'slow': return true
    case 'endless': {
      head(200)
      const more = () => { while (response.write('x'.repeat(65536))); response.once('drain', more) }
      more()
      return true
    }
    case 'large': head(200); response.end('{"access_token":"' + 'x'.repeat(100 * 1024 * 1024) + '"}'); return true
    case 'nojson': head(200, 'text/html'); response.end('<html>Sign in to the hotel</html>'); return true
    case 'elsewhere': head(307, 'text/html', { location: 'https://relay.lab.test/' }); response.end(); return true
    case 'graph': {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
      head(200)
      response.end(JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: `${part({ alg: 'RS256' })}.${part({ aud: 'https://graph.microsoft.com' })}.c2ln` }))
      return true
    }
    case 'clock':
      head(401, 'application/json', { date: new Date(Date.now() - 600_000).toUTCString() })
      response.end(JSON.stringify({ error: 'invalid_client', error_description: 'AADSTS700024: Client assertion is not within its valid time range.', error_codes: [700024] }))
      return true
    default: return false
  }
}
