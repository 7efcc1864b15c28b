// Plays the Functions host in front of the API: a request without the function key gets 401 and no body, and any other
// passes unchanged. `node keys.js <port behind> <key>` prints its own port.
const http = require('node:http');

const [behind, key] = process.argv.slice(2);
const OPEN = /^\/api\/(health|openapi\.json)$/i;

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://front');
  const given = request.headers['x-functions-key'] ?? url.searchParams.get('code');
  if (!OPEN.test(url.pathname) && given !== key) {
    response.writeHead(401).end();
    return;
  }
  // The handler accepts its own host name only.
  const headers = { ...request.headers, host: `127.0.0.1:${behind}` };
  const whole = { host: '127.0.0.1', port: behind, method: request.method, path: request.url, headers };
  const onward = http.request(whole, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', (error) => response.writeHead(502).end(String(error)));
  request.pipe(onward);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
