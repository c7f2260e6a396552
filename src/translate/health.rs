//! Health: a bridge whose token Meta refuses is what a disconnected client was.

use crate::onprem::health::{GatewayStatus, Health};

/// The health to tell, from whether Cloud's token or its permissions are in trouble.
pub fn health(token_in_trouble: bool) -> Health {
    Health {
        gateway_status: match token_in_trouble {
            true => GatewayStatus::Disconnected,
            false => GatewayStatus::Connected,
        },
    }
}
