// What Firefox asks for each URL before it goes there; scripts/kiosk/policies/install writes it into its policy. Of a host that is
// shown, and of this machine, only the ports that are shown are open: for others it is sent to a port where nobody is. Other hosts
// are the website filter's business.
var shown = [@ORIGINS@]
// A user's name may stand before the host, and a dot behind it.
var parts = /^(https?:..)(?:[^\/]*@)?(\[[^\/]*\]|[^:\/]*?)\.*(:\d+)?\//
function FindProxyForURL(url) {
  var found = parts.exec(url)
  if (found === null) return 'PROXY 127.0.0.1:9'
  var host = found[2]
  if (shown.indexOf(found[1] + host + (found[3] || '')) >= 0) return 'DIRECT'
  var isHere = /^127\.|^localhost$|\.localhost$|^\[/.test(host)
  var isShown = shown.some(function (origin) { return origin.replace(/^https?:..|:\d+$/g, '') === host })
  return isHere || isShown ? 'PROXY 127.0.0.1:9' : 'DIRECT'
}
