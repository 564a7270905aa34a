// express-pouchdb over LevelDB: node pouch-server.js <prefix> <port>
import express from 'express';
import expressPouch from 'express-pouchdb';
import PouchDB from 'pouchdb';

const [prefix, port] = process.argv.slice(2);
const app = express();
app.use('/', expressPouch(PouchDB.defaults({ prefix }), { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: `${prefix}log.txt` }));
app.listen(Number(port), '127.0.0.1');
