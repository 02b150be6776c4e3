import { LocalEngine } from './local-engine';
import { portToParent } from './port';
import { serveEngine } from './serve-engine';

/**
 * Entry of the inference process: an Electron utility process or a forked Node process (`serialization: 'advanced'`).
 * It ends when the engine is closed or its parent is gone.
 */
const port = portToParent();
if (port === undefined) throw new Error('The engine process is started by the app or by tore-node, not by hand.');
serveEngine(port, new LocalEngine({ resultsLeft: () => port.allLeft() }), () => port.close());
