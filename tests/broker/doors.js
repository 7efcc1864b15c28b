// The broker's ports: opens them, cuts their connections, and closes and reopens them at the same numbers.
'use strict';

class Doors {
  constructor() {
    this.sockets = new Set();
    this.servers = [];
  }

  // `make` returns a server that does not listen yet. Returns its port.
  async start(make, port = 0) {
    const server = make();
    server.on('connection', (socket) => {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    // Some tests expect a client to reject our certificate.
    server.on('tlsClientError', () => {});
    await new Promise((done) => server.listen(port, '127.0.0.1', done));
    const bound = server.address().port;
    this.servers.push({ server, make, port: bound });
    return bound;
  }

  cut() {
    this.sockets.forEach((socket) => socket.destroy());
  }

  // Closes all ports for `ms`.
  async restart(ms) {
    const closed = this.servers.splice(0);
    const gone = closed.map(({ server }) => new Promise((done) => server.close(done)));
    this.cut();
    await Promise.all(gone);
    await new Promise((done) => setTimeout(done, ms));
    for (const { make, port } of closed) await this.start(make, port);
  }
}

module.exports = { Doors };
