import type { CoordinatorChoice } from '../../contract/settings';
import { success, type Result } from '../../protocol/result';
import { mainFailure, type MainErrorCode } from '../errors';
import { coordinatorOrigin } from './access-tokens';
import type { SecretVault } from './secret-vault';

const INVITATION_PREFIX = 'invitation:';

/**
 * Invitation codes of coordinators that let members in alone. A code belongs to the coordinator that was chosen when it
 * was entered, and is sent to no other. It is kept: a member that shows its own code again stays a member.
 */
export class Invitations {
  constructor(private readonly vault: Pick<SecretVault, 'read' | 'write' | 'remove' | 'has'>) {}

  /** Keeps the code for the chosen coordinator; null forgets it. The embedded coordinator has no members. */
  async set(choice: CoordinatorChoice, code: string | null): Promise<Result<void, MainErrorCode>> {
    if (choice.kind === 'embedded') {
      return mainFailure('payload-invalid', 'The coordinator of this computer needs no invitation.', {
        suggestion: 'Choose the coordinator the code is for first.',
      });
    }
    const name = nameFor(choice.url);
    return code === null ? this.vault.remove(name) : this.vault.write(name, code);
  }

  /** The code for a coordinator, null without one. */
  of(url: string): Result<string | null, MainErrorCode> {
    return this.vault.has(nameFor(url)) ? this.vault.read(nameFor(url)) : success(null);
  }

  has(choice: CoordinatorChoice): boolean {
    return choice.kind === 'remote' && this.vault.has(nameFor(choice.url));
  }
}

function nameFor(url: string): string {
  return `${INVITATION_PREFIX}${coordinatorOrigin(url)}`;
}
