import { createReadStream } from 'node:fs';
import { Type } from 'typebox';
import { Sha256 } from '../../../protocol/compute/model';
import type { CoordinatorServices } from '../../services';
import { readByteRange } from '../byte-range';
import type { ApiServer } from '../server-types';
import { restOfPath } from './wildcard';

const FileParams = Type.Object({ hash: Sha256 });
/** As in a manifest. */
const MAX_PATH_LENGTH = 400;

/**
 * `GET /inference/models/files/{manifest hash}/{path}`: the files of the operator's models, whole or in ranges, for nodes
 * that fetch the layers they serve. The hash is the manifest's, so an address always means the same bytes.
 */
export function modelFileRoutes(app: ApiServer, services: CoordinatorServices): void {
  app.get('/inference/models/files/:hash/*', { schema: { params: FileParams } }, async (request, reply) => {
    const file = services.catalogue.filesOf(request.params.hash)?.find(restOfPath(request.params, MAX_PATH_LENGTH));
    if (file === undefined) return reply.code(404).send({ detail: 'This coordinator does not offer such a file.' });
    if (file.kind === 'text') return reply.type('application/json').send(file.text);
    const range = readByteRange(request.headers.range, file.sizeBytes);
    void reply.header('accept-ranges', 'bytes').type('application/octet-stream');
    if (range === 'unsatisfiable') {
      return reply.code(416).header('content-range', `bytes */${file.sizeBytes}`).send();
    }
    if (range === null) return reply.header('content-length', file.sizeBytes).send(createReadStream(file.path));
    const { first, last } = range;
    return reply
      .code(206)
      .header('content-range', `bytes ${first}-${last}/${file.sizeBytes}`)
      .header('content-length', last - first + 1)
      .send(createReadStream(file.path, { start: first, end: last }));
  });
}
