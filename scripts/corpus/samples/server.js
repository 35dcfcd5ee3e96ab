const http = require('http'), fs = require('fs'), net = require('net');
const levels = ['debug', 'info', 'warn', 'error', 'fatal'];
const style = process.argv[2];
function log(level, msg, extra = {}) {
  const t = new Date().toISOString();
  if (style === 'pino') console.log(JSON.stringify({level: 20 + 10 * levels.indexOf(level), time: Date.now(), pid: process.pid, hostname: 'h', msg, ...extra}));
  else if (style === 'winston') console.log(JSON.stringify({level, message: msg, timestamp: t, ...extra}));
  else if (style === 'plain') console.log(`${t} [${level.toUpperCase()}] ${msg}`, extra.err || '');
  else console.error(`${level}: ${msg}`, extra);
}
const server = http.createServer((req, res) => {
  log('info', `${req.method} ${req.url}`, {ip: req.socket.remoteAddress});
  if (req.url === '/app') { try { null.x } catch (e) { log('error', 'request failed', {err: e.stack}) } }
  if (req.url === '/up/') http.get('http://127.0.0.1:9/').on('error', e => log('error', 'upstream: ' + e.message, {code: e.code}));
  if (req.url === '/missing') fs.readFile('/none', e => log('warn', 'static file: ' + e.message, {code: e.code}));
  if (req.url === '/loop') setImmediate(() => { throw new TypeError('cannot read session of undefined') });
  if (req.url === '/admin') Promise.reject(new Error('token expired'));
  res.end('ok');
});
server.on('clientError', (e, s) => { log('warn', 'client error: ' + e.message, {code: e.code}); s.destroy() });
process.on('uncaughtException', e => log('fatal', 'uncaught: ' + e.message, {stack: e.stack}));
process.on('unhandledRejection', e => { log('error', 'unhandled rejection: ' + e); if (style === 'raw') process.exit(1) });
server.listen(80, '127.0.0.1', () => log('info', 'listening on 80'));
net.createServer().listen(80, '127.0.0.1').on('error', e => log('fatal', e.message, {syscall: e.syscall}));
dns = require('dns').lookup('no.invalid', e => log('error', 'dns: ' + e.message));
